"""An application with style sheets, widgets and key bindings, driven without a terminal."""

import asyncio

from textual.app import App, ComposeResult
from textual.widgets import (
    Button,
    DataTable,
    DirectoryTree,
    Footer,
    Header,
    Input,
    Label,
    Markdown,
    TabbedContent,
    TextArea,
)


class Demo(App[str]):
    CSS_PATH = "app.tcss"
    BINDINGS = [("q", "leave", "Leave")]

    def compose(self) -> ComposeResult:
        yield Header()
        yield Label("Hello", id="label")
        yield Input(id="input")
        yield Button("Press", id="button")
        with TabbedContent("one", "two"):
            yield Markdown("# Title")
            yield DataTable()
        yield TextArea.code_editor("x = 1", language="python")
        yield DirectoryTree(".")
        yield Footer()

    def on_button_pressed(self) -> None:
        self.query_one("#label", Label).update(self.query_one(Input).value)

    def action_leave(self) -> None:
        self.exit("left")


async def drive() -> None:
    app = Demo()
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.press("tab", *"text") if False else None
        app.query_one(Input).focus()
        await pilot.press(*"text")
        app.query_one(Button).press()
        await pilot.pause()
        print(app.query_one("#label", Label).content, app.query_one("#label").styles.color)
        table = app.query_one(DataTable)
        table.add_columns("a", "b")
        table.add_row("1", "2")
        print(table.row_count, app.query_one("#input").styles.border_top[0])
        print("svg", "Hello" in app.export_screenshot() or "text" in app.export_screenshot())
        print(len(app.available_themes) > 5, app.title)
        app.set_focus(None)
        await pilot.press("q")
    print(app.return_value)


asyncio.run(drive())
