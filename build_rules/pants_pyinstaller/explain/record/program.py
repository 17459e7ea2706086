"""The explanation of one program, written.

It runs on the target's Python, as the driver's programs do, over what they have left; nothing is analysed again. The
selection follows rules (``driver/analysis/selection.py``); here each use of a rule becomes an edge. That the graph says
the same as the selection is checked on every run: what it does not reach is recorded as a root.
"""

from __future__ import annotations

import os

from pants_pyinstaller.driver import notes
from pants_pyinstaller.driver.analysis import first_party
from pants_pyinstaller.driver.errors import DriverError
from pants_pyinstaller.driver.progress import step
from pants_pyinstaller.explain import document, graph
from pants_pyinstaller.explain.record import application, lock
from pants_pyinstaller.explain.record.builder import Builder
from pants_pyinstaller.explain.request import DOCUMENT, RecordRequest


def run(request: RecordRequest) -> None:
    """Write DOCUMENT.

    :raises DriverError: outputs of another version of the driver.
    """
    builder = Builder(request)
    lock.add(builder)
    application.add(builder)
    made = _document(builder)
    _complete(builder, made)
    os.makedirs(request.output, exist_ok=True)
    path = os.path.join(request.output, DOCUMENT)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write(document.dump(made))
    step(f"explanation: {len(made.nodes)} nodes, {len(made.edges)} edges")


def _selected(builder: Builder) -> set[int]:
    found = {builder.module[name] for name in builder.chosen.modules if name in builder.module}
    found |= {builder.file[dest] for dest in builder.chosen.files if dest in builder.file}
    found |= {builder.script[name] for name in builder.chosen.rthooks}
    found |= {builder.dist[number] for number in builder.chosen.dists}
    return found | set(builder.own.values()) | set(builder.own_file.values())


def _document(builder: Builder) -> document.Document:
    layer, app = builder.layer, builder.layers.app
    missing = {
        name: [row for row in rows if row[0] in builder.selected]
        for name, rows in layer.missing.items()
    }
    _, own_missing = first_party.resolve_imports(builder.sources, layer, app.wanted.shadowed)
    for item in own_missing:
        missing.setdefault(item.name, []).insert(0, [item.importer, item.how])
    return document.Document(
        program={
            "name": builder.request.program,
            "platform": layer.platform,
            "mode": builder.request.mode,
            "entry_point": builder.request.entry_point,
            "python": f"{layer.python['implementation']} {layer.python['version']}",
            "pyinstaller": layer.pyinstaller,
            "collect": sorted(app.wanted.collect),
            "notes": notes.read(
                builder.request.layer,
                builder.request.app,
                builder.request.check,
                builder.request.exercise,
            ),
        },
        nodes=builder.nodes,
        edges=list(builder.edges.values()),
        roots=sorted(builder.roots.values()),
        selected=sorted(_selected(builder)),
        excludes=list(app.wanted.excludes),
        shadowed=sorted(app.wanted.shadowed),
        dists={
            item.key: {
                "name": item.name,
                "version": item.version,
                "license": item.licence,
                "requires": item.requires,
                "modules": sorted({layer.names[n].partition(".")[0] for n in item.modules}),
            }
            for item in layer.dists
        },
        missing={name: rows for name, rows in missing.items() if rows},
        dropped=builder.dropped,
        unresolved={
            name: lines for name, lines in layer.unresolved.items() if name in builder.selected
        },
        host_libraries={
            dest: item
            for dest, item in layer.host_libraries.items()
            if dest in set(builder.chosen.files)
        },
    )


def _complete(builder: Builder, made: document.Document) -> None:
    """Have the graph say what the selection says.

    :raises DriverError: it brings what the selection does not.
    """
    reached = graph.Graph(made).closure()
    selected = set(made.selected)
    left = sorted(selected - reached)
    if left:
        for position in left:
            builder.edge(builder.root("other rules"), position, "rule")
        made.edges = list(builder.edges.values())
        made.roots = sorted(builder.roots.values())
        reached = graph.Graph(made).closure()
        shown = ", ".join(made.nodes[position].name for position in left[:5])
        step(f"explanation: {len(left)} things have no recorded reason: {shown}")
    more = reached - selected - set(made.roots)
    if more:
        shown = ", ".join(sorted(made.nodes[position].name for position in more)[:10])
        raise DriverError(f"the explanation brings what the selection lacks: {shown}")
