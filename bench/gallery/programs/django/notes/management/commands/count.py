from django.core.management.base import BaseCommand

from notes.models import Note


class Command(BaseCommand):
    help = "Counts notes."

    def handle(self, *args, **options) -> None:
        self.stdout.write(f"{Note.objects.count()} notes")
