"""A project with an application: migrations, commands, templates, translations, the admin site."""

import os
import sys
import tempfile

import django
from django.core.management import call_command, execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
with tempfile.TemporaryDirectory() as folder:
    os.environ["DATABASE"] = f"{folder}/database"
    django.setup()
    call_command("check", stdout=sys.stdout)
    call_command("migrate", verbosity=0)
    call_command("makemigrations", check_changes=True, dry_run=True, stdout=sys.stdout)
    from django.contrib.auth.models import User
    from django.test import Client
    from notes import signals
    from notes.models import Note

    Note.objects.create(title="second")
    Note.objects.create(title="first")
    print(signals.SAVED)
    execute_from_command_line(["manage.py", "count"])
    print(Client().get("/notes/", headers={"accept-language": "de"}).content.decode().strip())
    User.objects.create_superuser("ada", "ada@example.org", "secret")
    client = Client()
    print(client.login(username="ada", password="secret"), client.get("/admin/").status_code)
    page = client.get("/admin/notes/note/", headers={"accept-language": "fr"}).content.decode()
    print("Sélectionnez" in page or "Choisir" in page or "note" in page)
    print(client.post("/admin/notes/note/add/", {"title": "third"}).status_code)
    from django.contrib.staticfiles import finders
    from django.utils import timezone, translation

    print(bool(finders.find("admin/css/base.css")), timezone.get_current_timezone_name())
    with translation.override("ja"):
        print(translation.gettext("Yes"), translation.gettext("Home"))
    call_command("dumpdata", "notes", stdout=sys.stdout)
    print()
    call_command("showmigrations", "notes", stdout=sys.stdout)
    print(len(__import__("django.core.management").core.management.get_commands()) > 20)
