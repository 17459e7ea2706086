"""Configurations, a tokenizer made on the spot, chat templates, processors; no model, no torch."""

import os
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402
from transformers import (  # noqa: E402
    AutoConfig,
    AutoTokenizer,
    BertConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    is_torch_available,
)

made = Tokenizer(models.BPE(unk_token="[UNK]"))
made.pre_tokenizer = pre_tokenizers.Whitespace()
trainer = trainers.BpeTrainer(vocab_size=80, special_tokens=["[UNK]", "[PAD]"], show_progress=False)
made.train_from_iterator(["the quick brown fox", "the lazy dog"] * 5, trainer)
tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]")
tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
with tempfile.TemporaryDirectory() as folder:
    tokenizer.save_pretrained(folder)
    BertConfig(hidden_size=64, num_attention_heads=4).save_pretrained(folder)
    config = AutoConfig.from_pretrained(folder)
    print(type(config).__name__, config.hidden_size, config.model_type)
    loaded = AutoTokenizer.from_pretrained(folder)
batch = loaded(["the quick fox", "dog"], padding=True, return_tensors="np")
print(
    batch["input_ids"].shape, batch["attention_mask"].tolist(), loaded.decode(batch["input_ids"][0])
)
print(tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False))
print(
    LlamaConfig().to_diff_dict().get("model_type"),
    AutoConfig.for_model("gpt2").vocab_size,
    is_torch_available(),
)
try:
    AutoConfig.from_pretrained("nobody/nothing")
except OSError as error:
    print(type(error).__name__)
from transformers import AutoModel  # noqa: E402

try:
    AutoModel.from_config(config)
except ImportError as error:
    print("needs", "PyTorch" in str(error))
