"""Dates, numbers, currencies and plurals of several locales, and a catalogue."""

import io
from datetime import date, datetime, timezone

from babel import Locale, support
from babel.dates import format_date, format_datetime, format_timedelta, get_timezone
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, parse_decimal

for name in ("en_GB", "de_DE", "fr_FR", "ja_JP", "ar_EG"):
    locale = Locale.parse(name)
    print(name, locale.display_name, format_date(date(2024, 2, 29), "full", locale=locale))
    print(format_currency(1234567.891, "EUR", locale=locale), format_decimal(0.5, locale=locale))
moment = datetime(2024, 7, 1, 12, 30, tzinfo=timezone.utc)
print(format_datetime(moment, tzinfo=get_timezone("Europe/Berlin"), locale="de"))
print(format_timedelta(moment - moment.replace(day=2), locale="sv", add_direction=True))
print(parse_decimal("1.234,5", locale="de"), Locale("pl").plural_form(5))
print(Locale("es").territories["JP"], Locale.negotiate(["pt-BR", "en"], ["pt_BR", "en_US"]))
catalogue = read_po(
    io.BytesIO(
        b'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "yes"\nmsgstr "ja"\n'
    )
)
compiled = io.BytesIO()
write_mo(compiled, catalogue)
compiled.seek(0)
print(support.Translations(compiled).gettext("yes"))
