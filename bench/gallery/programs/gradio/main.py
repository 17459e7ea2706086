"""An interface with several components, served on loopback, asked by its own client."""

import os

os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", NO_PROXY="127.0.0.1,localhost"
)

import urllib.request  # noqa: E402

import gradio as gr  # noqa: E402
from gradio_client import Client  # noqa: E402


def greet(name: str, times: float) -> str:
    return ", ".join([f"Hello {name}"] * int(times))


with gr.Blocks(title="Gallery") as demo:
    gr.Markdown("# Title")
    with gr.Row():
        name = gr.Textbox(label="name")
        times = gr.Slider(1, 5, value=2, step=1)
    output = gr.Textbox(label="output")
    gr.Button("Go").click(greet, [name, times], output, api_name="greet")
    gr.Dataframe(value=[[1, 2]], headers=["a", "b"])
    gr.Image()
    gr.Chatbot()

_, url, _ = demo.launch(
    server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, share=False, ssr_mode=False
)
page = urllib.request.urlopen(url, timeout=60).read().decode()
print("gradio" in page, "Gallery" in page)
client = Client(url, verbose=False)
print(client.predict("Ada", 2, api_name="/greet"))
print([component["type"] for component in demo.config["components"]][:6])
demo.close()
print(
    gr.Theme.from_hub.__name__,
    gr.themes.Soft().name,
    sorted(gr.Textbox(value="x").get_config())[:2],
)
