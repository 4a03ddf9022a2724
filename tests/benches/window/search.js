// How long it takes from the last key of a search until the gallery shows another number of pictures.
const [text, answer] = arguments;
const field = document.querySelector("input[type=search]");
const found = () => document.querySelector("[role=listbox] [role=option]")?.getAttribute("aria-setsize") ?? "none";
const before = found();
field.value = text;
const began = performance.now();
field.dispatchEvent(new InputEvent("input", { bubbles: true }));
const look = () => (found() === before ? requestAnimationFrame(look) : answer(performance.now() - began));
look();
