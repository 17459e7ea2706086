from django.db.models.signals import post_save
from django.dispatch import receiver

SAVED: list[str] = []


@receiver(post_save, sender="notes.Note")
def saved(instance, **_) -> None:
    SAVED.append(instance.title)
