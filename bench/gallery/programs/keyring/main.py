"""Finds back ends by their entry points and keeps a password in a file."""

import os

import keyring
import keyring.backend
from keyring.util import platform_

names = {type(one).__module__ for one in keyring.backend.get_all_keyring()}
print(sorted(names))
os.environ["PYTHON_KEYRING_BACKEND"] = "keyrings.alt.file.PlaintextKeyring"
keyring.core.init_backend()
chosen = keyring.get_keyring()
print(type(chosen).__qualname__, chosen.priority)
keyring.set_password("service", "user", "secret")
print(keyring.get_password("service", "user"), keyring.get_credential("service", "user").username)
print(os.path.relpath(platform_.data_root(), os.path.expanduser("~")))
keyring.delete_password("service", "user")
print(keyring.get_password("service", "user"))
