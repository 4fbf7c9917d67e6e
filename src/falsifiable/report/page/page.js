"use strict";
// Everything is there without this script; it filters, copies, and shows what an address or a node of a graph points to.

for (const part of document.querySelectorAll(".filtered")) {
  const form = part.querySelector("form.filters");
  const items = [...part.querySelectorAll(".item")];
  const texts = items.map((item) => item.textContent.toLowerCase());
  const toggles = [...form.querySelectorAll("button.toggle")];
  const search = form.querySelector("input.search");
  const count = form.querySelector("output.count");

  // property -> the values that are asked for; a property of which none is asked for leaves everything in.
  const asked = () => {
    const found = new Map();
    for (const one of toggles.filter((toggle) => toggle.getAttribute("aria-pressed") === "true")) {
      const { property, value } = one.dataset;
      found.set(property, (found.get(property) || new Set()).add(value));
    }
    return [...found];
  };

  const apply = () => {
    const wanted = asked();
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    items.forEach((item, place) => {
      const fits = wanted.every(([property, values]) => values.has(item.dataset[property]))
        && words.every((word) => texts[place].includes(word));
      item.hidden = !fits;
      left += fits;
    });
    for (const group of part.querySelectorAll(".group")) {
      group.hidden = !group.querySelector(".item:not([hidden])");
    }
    part.querySelector(".nothing").hidden = left > 0;
    count.textContent = `${left} of ${items.length} ${form.dataset.noun}`;
  };

  const reset = () => {
    toggles.forEach((one) => one.setAttribute("aria-pressed", "false"));
    search.value = "";
    apply();
  };

  for (const one of toggles) {
    one.addEventListener("click", () => {
      one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  search.addEventListener("input", apply);
  form.querySelector(".reset").addEventListener("click", reset);
  form.addEventListener("submit", (event) => event.preventDefault());
  part.addEventListener("show-all", reset);
  form.hidden = false;
  apply();
}

// What the address points to is shown, whatever the filters leave out.
const show = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]")) target.closest(".filtered").dispatchEvent(new Event("show-all"));
  for (let one = target.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", show);
show();

// A page opened from a disk may not be given the clipboard: then the command is selected, ready to be copied.
const copied = async (code) => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return false;
  }
};
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copied(button.parentElement.querySelector("code"));
    button.textContent = done ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

for (const graph of document.querySelectorAll("svg.graph")) {
  const light = (key) => {
    for (const edge of graph.querySelectorAll(".edge")) {
      edge.classList.toggle("lit", edge.dataset.from === key || edge.dataset.to === key);
    }
  };
  for (const node of graph.querySelectorAll(".node")) {
    node.addEventListener("focus", () => light(node.dataset.key));
    node.addEventListener("blur", () => light(""));
    node.addEventListener("mouseenter", () => light(node.dataset.key));
    node.addEventListener("mouseleave", () => light(""));
  }
}
