from rich.console import Console
from rich.table import Table

table = Table("distribution", "bytes")
table.add_row("rich", "1")
Console(width=40).print(table)
