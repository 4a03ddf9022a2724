// What a screen reader would find on the screen, one line for each named thing: for the message of a test that did not find its own.
axe.setup(document.documentElement);
try {
  return [...document.querySelectorAll("body *")]
    .filter((element) => axe.commons.dom.isVisibleToScreenReaders(element))
    .map((element) => [axe.commons.aria.getRole(element), axe.commons.text.accessibleText(element).trim()])
    .filter(([role, name]) => role && name && role !== "generic")
    .map(([role, name]) => `${role} “${name.replace(/\s+/g, " ").slice(0, 80)}”`)
    .join("\n");
} finally {
  axe.teardown();
}
