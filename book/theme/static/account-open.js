// Brings what *With your account* needs once the first one is opened: a chapter weighs no more until then.
(() => {
  "use strict";

  function bring({ target }) {
    if (!target.matches?.("details.account-claim")) return;
    document.removeEventListener("toggle", bring, true);
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="marginlab-account-script"]').content;
    document.head.append(script);
  }
  document.addEventListener("toggle", bring, true);
})();
