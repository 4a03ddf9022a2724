// Elements that a person would call by this role and name, in the order in which they are read. Roles and names are those that axe-core
// works out, which follows the accname specification. The name is a regular expression for the whole name.
const [role, name, scope] = arguments;
const pattern = new RegExp(`^(?:${name})$`, "su");
axe.setup(document.documentElement);
try {
  return [...(scope ?? document).querySelectorAll("*")].filter(
    (element) =>
      axe.commons.aria.getRole(element) === role &&
      pattern.test(axe.commons.text.accessibleText(element).replace(/\s+/g, " ").trim()) &&
      axe.commons.dom.isVisibleToScreenReaders(element),
  );
} finally {
  axe.teardown();
}
