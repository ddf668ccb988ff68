// What ran, how it ended, and how many nodes are in each state.

const ENDINGS = { completed: "completed after", failed: "failed after", interrupted: "interrupted after" };

function showHead() {
  const began = new Date(run.started * 1000);
  byId("workflow").textContent = run.workflow;
  byId("about").textContent =
    `${run.backend}, began ${began.toLocaleString()}, ` +
    `${ENDINGS[run.ending] ?? "still running after"} ${seconds(run.seconds)}; ` +
    `functionfuse ${run.functionfuse}, Python ${run.python}`;
  const counts = tally(run.nodes.state);
  for (const state of STATES.filter((known) => counts[known])) {
    byId("share").append(element("span", { class: state, style: `flex: ${counts[state]}` }));
    const dot = element("span", { class: `dot ${state}` });
    byId("counts").append(
      element("li", {}, searchButton(`state:${state}`, dot, `${counts[state]} ${state}`)),
    );
  }
  byId("share").setAttribute("aria-label", [...byId("counts").children].map((one) => one.textContent).join(", "));
}

showHead();
