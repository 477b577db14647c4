// Copies code, on the pages of the dashboard and in the debug toolbar's panel, which may live in a shadow tree and comes
// after the page. All else works without this script, and the buttons of the dashboard are hidden where it does not run.
(() => {
  "use strict";

  const select = (element) => {
    // The one way to select that reaches into a shadow tree.
    window.getSelection().setBaseAndExtent(element, 0, element, element.childNodes.length);
  };

  const copy = async (button) => {
    const root = button.getRootNode();
    const source = root.getElementById(button.dataset.copies);
    const status = root.getElementById(button.dataset.status);
    const label = button.firstChild;
    try {
      await navigator.clipboard.writeText(source.textContent);
      label.nodeValue = "Copied";
      status.textContent = "Copied.";
    } catch {
      // Without https there is no clipboard, and a person may refuse it: the keyboard can still copy.
      select(source);
      label.nodeValue = "Selected";
      status.textContent = "Selected. Copy it with the keyboard.";
    }
    window.setTimeout(() => {
      label.nodeValue = "Copy";
      status.textContent = "";
    }, 2500);
  };

  document.addEventListener("click", (event) => {
    const [clicked] = event.composedPath();
    const button = clicked instanceof Element && clicked.closest("button.copy[data-copies]");
    if (button) {
      copy(button);
    }
  });

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
  }
})();
