// A file that is dropped on the box goes to the button in it, and one that is too large stays where it is: the kernel
// would never hear of it. ipywidgets' button keeps its file input to itself, so it is met where the button clicks it.
(() => {
  if (window.grfDrop) return;
  window.grfDrop = true;
  const click = HTMLInputElement.prototype.click;
  let dropped = null;
  const tell = (text, wrong = true) => {
    const line = Object.assign(document.createElement("p"), { textContent: text, className: wrong ? "grf-wrong" : "" });
    line.setAttribute("role", wrong ? "alert" : "status");
    document.querySelector(".grf-told .widget-html-content").replaceChildren(line);
  };
  const take = (event) => {
    const file = event.target.files[0];
    if (!file) return;
    const usual = file.size > 9e6 ? " JupyterLab takes a file of this size only if you started it with make lab." : "";
    if (file.size <= MOST_BYTES) return tell(`${file.name} is on its way …${usual}`, false);
    event.stopImmediatePropagation();
    tell(`${file.name} was not taken: a recording has at most ${MOST_BYTES / 1e6} MB here; this one has ` +
      `${Math.round(file.size / 1e6)} MB. Cut it into shorter recordings, or use the command grfkit estimate.`);
  };
  HTMLInputElement.prototype.click = function () {
    if (this.type !== "file" || this.isConnected || !this.accept.includes(".c3d")) return click.call(this);
    if (!this.grfMet) this.addEventListener("change", take, true);
    this.grfMet = true;
    if (!dropped) return click.call(this);
    this.files = dropped;
    this.dispatchEvent(new Event("change"));
  };
  const box = (event) => event.target.closest?.(".grf-drop");
  const over = (event) => document.querySelector(".grf-drop")?.classList.toggle("grf-over", !!box(event));
  document.addEventListener("dragover", (event) => {
    if (!document.querySelector(".grf-drop") || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault(); // beside the box too: the browser would leave the page for the file
    over(event);
  });
  document.addEventListener("drop", (event) => {
    if (!document.querySelector(".grf-drop") || !event.dataTransfer.files.length) return;
    event.preventDefault();
    document.querySelector(".grf-drop").classList.remove("grf-over");
    if (!box(event)) return;
    if (event.dataTransfer.files.length > 1) return tell("One recording at a time: drop one file.");
    dropped = event.dataTransfer.files;
    try {
      box(event).querySelector(".grf-upload").click();
    } finally {
      dropped = null;
    }
  });
})();
