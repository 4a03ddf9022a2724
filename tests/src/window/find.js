// Elements that a person would call by one of these roles and this name, what lies over the rest first. Roles and names are those that
// axe-core works out, which follows the accname specification. The name is a regular expression for the whole name.
const [roles, name] = arguments;
const wanted = roles.split("|");
const pattern = new RegExp(`^(?:${name})$`, "su");
const isCalled = (element) =>
  wanted.includes(axe.commons.aria.getRole(element)) &&
  pattern.test(axe.commons.text.accessibleText(element).replace(/\s+/g, " ").trim()) &&
  axe.commons.dom.isVisibleToScreenReaders(element);
axe.setup(document.documentElement);
try {
  const found = [...document.querySelectorAll("body *")].filter(isCalled);
  const isOver = (element) => element.closest("[role=dialog], [role=alertdialog]") !== null;
  return [...found.filter(isOver), ...found.filter((element) => !isOver(element))];
} finally {
  axe.teardown();
}
