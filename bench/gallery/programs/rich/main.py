"""A table, a tree, Markdown, highlighted source, emoji, a progress bar and a traceback with locals."""

import sys

from rich.console import Console
from rich.markdown import Markdown
from rich.pretty import pretty_repr
from rich.progress import track
from rich.syntax import Syntax
from rich.table import Table
from rich.traceback import Traceback
from rich.tree import Tree

console = Console(width=72, force_terminal=True, color_system="truecolor", file=sys.stdout)
table = Table(title="Planets :earth_africa:")
table.add_column("name", style="cyan")
table.add_column("moons", justify="right")
for name, moons in (("Mars", 2), ("Saturn", 146), ("木星", 95)):
    table.add_row(name, str(moons))
console.print(table)
tree = Tree("root")
tree.add("branch").add("[green]leaf[/green]")
console.print(tree)
console.print(Markdown("# Title\n\n1. one\n2. **two**\n\n```python\nprint(1)\n```\n"))
console.print(Syntax("def f(x):\n    return x + 1", "python", theme="dracula", line_numbers=True))
console.print(pretty_repr({"a": [1, 2, {"b": (3, 4)}]}))
print(sum(track(range(5), console=Console(file=sys.stderr))))
try:
    {}["missing"]
except KeyError:
    shown = Traceback(width=72, show_locals=False)
    plain = Console(width=72, record=True, file=sys.stderr)
    plain.print(shown)
    text = plain.export_text()
    print("source line in the traceback:", '{}["missing"]' in text)
