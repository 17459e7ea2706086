"""A program whose package installs an import hook."""

import conf_hook

conf_hook.install("app.checked")
