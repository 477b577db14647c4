// Copies code. All else works without this script, and the buttons are hidden where it does not run.
(() => {
  "use strict";

  const status = document.getElementById("copied");

  const select = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copies);
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

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
})();
