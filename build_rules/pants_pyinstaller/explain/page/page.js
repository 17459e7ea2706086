"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SHOWN = 200;
  const sides = data.sides;
  const [NAME, KIND, PART, PACKED, UNPACKED, BEFORE, REASON, DETAIL, LINE] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  let measure = "packed";

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const bytes = (size) => {
    const sign = size < 0 ? "-" : "";
    const value = Math.abs(size);
    if (value < 1000) return `${sign}${value} B`;
    return value < 1e6 ? `${sign}${(value / 1e3).toFixed(1)} kB` : `${sign}${(value / 1e6).toFixed(2)} MB`;
  };
  const signed = (size) => (size > 0 ? "+" : "") + bytes(size);
  const column = () => (measure === "packed" ? PACKED : UNPACKED);

  // --- One side: a tree of parts, packages and files ----------------------------------------------------------

  const treeOf = (side) => {
    const root = { name: side.name, children: new Map() };
    side.nodes.forEach((node, position) => {
      if (node[PART] < 0 || !(node[PACKED] || node[UNPACKED])) return;
      const path = [side.parts[node[PART]], ...node[NAME].split(node[NAME].includes("/") || node[KIND] !== "module" ? "/" : ".")];
      let at = root;
      for (const step of path) {
        if (!at.children.has(step)) at.children.set(step, { name: step, children: new Map(), part: node[PART] });
        at = at.children.get(step);
      }
      (at.own ??= []).push(position);
    });
    const plain = (item) => {
      const children = [...item.children.values()].map(plain);
      for (const position of item.own ?? []) {
        const node = side.nodes[position];
        children.push({ name: item.children.size ? "(itself)" : item.name, full: node[NAME], part: item.part, position });
      }
      return children.length === 1 && children[0].position !== undefined && item.part !== undefined && children[0].name === item.name
        ? children[0]
        : { name: item.name, part: item.part, children };
    };
    return plain(root);
  };

  class Treemap {
    constructor(side) {
      this.side = side;
      this.tree = treeOf(side);
      this.path = element("nav", { className: "path", ariaLabel: `Where in ${side.name}` });
      this.box = element("div", { className: "map", role: "group", ariaLabel: `Treemap of ${side.name}` });
      this.element = element("div", { className: "side" }, ...(sides.length > 1 ? [element("h2", { textContent: side.name })] : []), this.path, this.box);
      this.box.addEventListener("keydown", (event) => this.key(event));
      this.focus = null;
    }

    draw() {
      const where = this.focus ? this.focus.ancestors().reverse().map((item) => item.data.name) : null;
      this.root = d3.hierarchy(this.tree, (item) => item.children)
        .sum((item) => (item.position === undefined ? 0 : this.side.nodes[item.position][column()]))
        .sort((a, b) => b.value - a.value || (a.data.name < b.data.name ? -1 : 1));
      this.focus = this.root;
      for (const name of (where ?? []).slice(1)) {
        this.focus = this.focus.children?.find((item) => item.data.name === name) ?? this.focus;
      }
      this.show();
    }

    show() {
      const { clientWidth: width, clientHeight: height } = this.box;
      const shown = this.focus.copy();
      d3.treemap().size([width, height]).paddingTop((item) => (item.depth ? 17 : 0)).paddingInner(1).round(true)(shown);
      this.box.replaceChildren();
      this.path.replaceChildren();
      const trail = this.focus.ancestors().reverse();
      trail.forEach((item, position) => {
        const button = element("button", { type: "button", textContent: position ? item.data.name : "everything" });
        button.addEventListener("click", () => this.open(item));
        this.path.append(button, ` ${bytes(item.value)}`, position < trail.length - 1 ? " › " : "");
      });
      const known = new Map();
      this.focus.each((item) => known.set(item.data, item));
      shown.each((item) => {
        const [wide, high] = [item.x1 - item.x0, item.y1 - item.y0];
        if (!item.depth || item.depth > 3 || wide < 4 || high < 4) return;
        const full = item.data.full ?? item.ancestors().reverse().slice(1).map((a) => a.data.name).join(" / ");
        const label = `${item.data.name} ${bytes(item.value)}`;
        const cell = element("button", {
          type: "button",
          className: item.children ? "cell" : "cell leaf",
          tabIndex: -1,
          title: `${full}: ${bytes(item.value)}`,
          ariaLabel: `${full}, ${bytes(item.value)}`,
          textContent: wide > 30 && high > 15 ? label : "",
        });
        cell.style.cssText = `left:${item.x0}px;top:${item.y0}px;width:${wide}px;height:${high}px;--hue:${((item.data.part ?? 0) * 137.508) % 360}`;
        cell.classList.toggle("found", item.data.position !== undefined && item.data.position === this.marked);
        cell.addEventListener("click", () => this.choose(known.get(item.data)));
        this.box.append(cell);
      });
      this.box.firstElementChild?.setAttribute("tabindex", "0");
    }

    choose(item) {
      if (item.children) this.open(item);
      else explain(this.side, item.data.position);
    }

    open(item, takeFocus = true) {
      this.focus = item;
      this.show();
      if (takeFocus) this.box.firstElementChild?.focus();
    }

    reveal(position) {
      const leaf = this.root.leaves().find((item) => item.data.position === position);
      if (!leaf) return;
      this.marked = position;
      this.open(leaf.parent ?? this.root, false);
    }

    key(event) {
      const cells = [...this.box.children];
      const at = cells.indexOf(document.activeElement);
      if (event.key === "Escape" || event.key === "Backspace") {
        if (this.focus.parent) this.open(this.focus.parent);
      } else if (event.key.startsWith("Arrow") && at >= 0) {
        const here = cells[at].getBoundingClientRect();
        const [x, y] = [(here.left + here.right) / 2, (here.top + here.bottom) / 2];
        const along = event.key === "ArrowLeft" || event.key === "ArrowRight";
        const forward = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1;
        let best = null;
        for (const cell of cells) {
          const box = cell.getBoundingClientRect();
          const [dx, dy] = [(box.left + box.right) / 2 - x, (box.top + box.bottom) / 2 - y];
          const [far, off] = along ? [dx * forward, Math.abs(dy)] : [dy * forward, Math.abs(dx)];
          if (far > 1 && (!best || far + 2 * off < best.cost)) best = { cell, cost: far + 2 * off };
        }
        if (best) {
          cells[at].tabIndex = -1;
          best.cell.tabIndex = 0;
          best.cell.focus();
        }
      } else return;
      event.preventDefault();
    }
  }

  // --- The chain of one thing ---------------------------------------------------------------------------------

  const detail = document.getElementById("detail");
  const explain = (side, position) => {
    const node = side.nodes[position];
    const steps = [];
    for (let at = position; at >= 0 && side.nodes[at][BEFORE] >= 0; at = side.nodes[at][BEFORE]) steps.unshift(at);
    const list = element("ol", { className: "steps" });
    const first = steps.length ? side.nodes[side.nodes[steps[0]][BEFORE]] : null;
    if (first) list.append(element("li", {}, first[NAME]));
    for (const at of steps) {
      const step = side.nodes[at];
      const button = element("button", { type: "button", textContent: step[NAME] });
      button.addEventListener("click", () => explain(side, at));
      const place = step[LINE] ? `${side.texts[step[DETAIL]]}:${step[LINE]}` : side.texts[step[DETAIL]];
      list.append(element("li", {}, `${data.reasons[side.texts[step[REASON]]]} `, button, " ", element("code", { textContent: place })));
    }
    const part = node[PART] >= 0 ? ` of ${side.parts[node[PART]]}` : "";
    detail.replaceChildren(
      element("h2", { textContent: node[NAME] }),
      element("p", { textContent: `${node[KIND]}${part}: ${bytes(node[PACKED])} shipped, ${bytes(node[UNPACKED])} unpacked${sides.length > 1 ? `, in ${side.name}` : ""}` }),
      steps.length ? list : element("p", { textContent: side.chains ? "" : "This file does not record why: chains need an explanation." }),
    );
    for (const map of maps) if (map.side === side) map.reveal(position);
  };

  // --- Tables -------------------------------------------------------------------------------------------------

  class Table {
    constructor(title, columns, rows, sort) {
      Object.assign(this, { title, columns, rows, sort, down: true, text: "" });
      this.caption = element("h2");
      this.head = element("tr");
      this.body = element("tbody");
      this.element = element("div", {}, this.caption, element("div", { className: "scroll" }, element("table", {}, element("thead", {}, this.head), this.body)));
      columns.forEach((one, position) => {
        const button = element("button", { type: "button", textContent: one.title });
        button.addEventListener("click", () => {
          this.down = this.sort === position ? !this.down : Boolean(one.number);
          this.sort = position;
          this.draw();
        });
        this.head.append(element("th", { scope: "col", className: one.number ? "number" : "" }, button));
      });
    }

    draw() {
      const found = this.rows.filter((row) => !this.text || row.search.includes(this.text));
      const sign = this.down ? -1 : 1;
      const key = this.sort;
      found.sort((a, b) => (a.values[key] < b.values[key] ? -sign : a.values[key] > b.values[key] ? sign : a.order - b.order));
      [...this.head.children].forEach((cell, position) => {
        if (position === key) cell.ariaSort = this.down ? "descending" : "ascending";
        else cell.removeAttribute("aria-sort");
      });
      this.caption.textContent = `${this.title} (${found.length}${found.length > SHOWN ? `, the first ${SHOWN}` : ""})`;
      this.body.replaceChildren(...found.slice(0, SHOWN).map((row) => {
        const cells = row.values.map((value, position) => {
          const one = this.columns[position];
          const cell = element("td", { className: one.number ? "number" : "" });
          if (position === 0 && row.choose) {
            const button = element("button", { type: "button", textContent: value });
            button.addEventListener("click", row.choose);
            cell.append(button);
          } else cell.textContent = one.show ? one.show(value) : value;
          return cell;
        });
        return element("tr", {}, ...cells);
      }));
    }
  }

  const size = (title) => ({ title, number: true, show: bytes });
  const count = (title) => ({ title, number: true });
  const tables = [];
  const suffix = (side) => (sides.length > 1 ? ` of ${side.name}` : "");
  const maps = sides.map((side) => new Treemap(side));
  sides.forEach((side, which) => {
    const parts = side.parts.map((name, order) => ({ order, search: name.toLowerCase(), values: [name, 0, 0, 0, 0] }));
    const rows = [];
    side.nodes.forEach((node, order) => {
      if (node[PART] < 0) return;
      const values = parts[node[PART]].values;
      values[1] += node[PACKED];
      values[2] += node[UNPACKED];
      values[node[KIND] === "module" ? 3 : 4] += 1;
      rows.push({ order, search: `${node[NAME]} ${side.parts[node[PART]]}`.toLowerCase(), values: [node[NAME], node[KIND], side.parts[node[PART]], node[PACKED], node[UNPACKED]], choose: () => explain(side, order) });
    });
    for (const row of parts) {
      row.choose = () => {
        const found = maps[which].root.children?.find((item) => item.data.name === row.values[0]);
        if (found) maps[which].open(found, false);
        maps[which].element.scrollIntoView({ block: "nearest" });
      };
    }
    tables.push(new Table(`Parts${suffix(side)}`, [{ title: "name" }, size("shipped"), size("unpacked"), count("modules"), count("files")], parts, 1));
    tables.push(new Table(`Modules and files${suffix(side)}`, [{ title: "name" }, { title: "kind" }, { title: "of" }, size("shipped"), size("unpacked")], rows, 3));
  });
  document.getElementById("maps").append(...maps.map((map) => map.element));
  document.getElementById("tables").append(...tables.map((table) => table.element));
  document.getElementById("facts").textContent = sides.map((side) => `${sides.length > 1 ? `${side.name}: ` : ""}${side.facts}; ${bytes(side.packed)} shipped, ${bytes(side.unpacked)} unpacked`).join(" — ");

  if (data.difference) {
    const area = document.getElementById("difference");
    area.hidden = false;
    area.append(element("h2", { textContent: `What changed from ${data.difference.old} to ${data.difference.new}` }));
    for (const text of data.difference.facts) area.append(element("p", { textContent: text }));
    const rows = data.difference.rows.map((values, order) => ({ order, search: values[0].toLowerCase(), values }));
    const table = new Table("Changes", [{ title: "name" }, { title: "what" }, { title: "before" }, { title: "after" }, { title: "bytes", number: true, show: signed }], rows, 4);
    tables.push(table);
    area.append(table.element);
  }

  // --- Controls -----------------------------------------------------------------------------------------------

  const search = document.getElementById("search");
  search.addEventListener("input", () => {
    for (const table of tables) {
      table.text = search.value.trim().toLowerCase();
      table.draw();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  for (const radio of document.querySelectorAll("input[name=measure]")) {
    radio.addEventListener("change", () => {
      measure = radio.value;
      for (const map of maps) map.draw();
    });
  }
  const theme = document.getElementById("theme");
  const paint = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    theme.textContent = dark ? "Light" : "Dark";
  };
  theme.addEventListener("click", () => paint(document.documentElement.dataset.theme !== "dark"));
  paint(matchMedia("(prefers-color-scheme: dark)").matches);
  let waiting = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => maps.forEach((map) => map.show()));
  });
  for (const map of maps) map.draw();
  for (const table of tables) table.draw();
})();
