// Which nodes a search finds: `function:load` exactly those of a function, words all that hold them.

const EXACT = /^(function|state|node|worker|box):(.+)$/;

function searched(node) {
  return [node.name, node.function, node.state, node.worker, node.reason].join("\n").toLowerCase();
}

// As the search box holds it, which has one line.
function inOneLine(text) {
  return text.replace(/[\r\n]/g, "");
}

function findNodes(search) {
  const exact = EXACT.exec(search);
  if (exact) {
    const key = exact[1] === "node" ? "name" : exact[1];
    return nodes.filter((node) => inOneLine(String(node[key])) === exact[2]);
  }
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [...nodes];
  return nodes.filter((node) => {
    node.text ??= searched(node);
    return words.every((word) => node.text.includes(word));
  });
}
