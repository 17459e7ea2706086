"""Trains a tokenizer on a few sentences, saves it, loads it and uses it in parallel."""

import tempfile
from pathlib import Path

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from tokenizers.implementations import ByteLevelBPETokenizer

text = ["the quick brown fox", "jumps over the lazy dog", "the dog sleeps"] * 5
tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.train_from_iterator(
    text, trainers.BpeTrainer(vocab_size=60, special_tokens=["[UNK]", "[CLS]"], show_progress=False)
)
tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A", special_tokens=[("[CLS]", 1)])
encoded = tokenizer.encode("the lazy fox ünder")
print(encoded.tokens, encoded.ids, encoded.offsets)
print([len(one) for one in tokenizer.encode_batch(text)])
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "tokenizer.json")
    tokenizer.save(str(path))
    print(Tokenizer.from_file(str(path)).get_vocab_size())
level = ByteLevelBPETokenizer()
level.train_from_iterator(text, vocab_size=300, show_progress=False)
print(level.encode("the dog").tokens, level.decode(level.encode("the dog").ids))
print(decoders.WordPiece().decode(["un", "##seen"]))
