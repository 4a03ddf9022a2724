// What axe-core finds that hinders people seriously or entirely, as lines of text.
const answer = arguments[arguments.length - 1];
axe
  .run(document, { resultTypes: ["violations"] })
  .then(({ violations }) =>
    answer(
      violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`)),
    ),
  )
  .catch((error) => answer([`axe could not run: ${error}`]));
