// Python for a page's account: `start()` gives what answers. Nothing is fetched before.
// What is sent and what comes back is told at the top of marginlab/display/answers.py.
const HOME = new URL("account-worker.js", import.meta.url).href + new URL(import.meta.url).search;
// A message that has ended so many workers is not sent to another.
const MOST_ENDED = 2;

export function start() {
  const asked = new Map(); // what is still to be answered, by its id, with how many workers it has ended
  const python = { send, onmessage: () => {} };
  let worker = null;
  let listening = false; // before that, it would not hear what it is told

  // A worker has a policy of its own where it is started from an address; one that is started from a blob has the page's.
  function begin() {
    const lock = `marginlab-python-${Math.random()}`;
    const text = `globalThis.LIVING = ${JSON.stringify(lock)};\nimport(${JSON.stringify(HOME)})
      .catch(() => postMessage({ failed: "the script that runs Python did not arrive" }));`;
    const blob = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const mine = new Worker(blob, { type: "module" });
    worker = mine;
    listening = false;
    mine.onmessage = ({ data }) => {
      if (worker !== mine) return;
      if (!data.listening) return void heard(data);
      listening = true;
      navigator.locks?.request(lock, () => ended(mine));
      URL.revokeObjectURL(blob);
      for (const [message] of asked.values()) mine.postMessage(message);
    };
    mine.onerror = (event) => {
      event.preventDefault();
      if (worker === mine) heard({ failed: `Python ended: ${event.message ?? "its worker could not start"}` });
    };
  }

  // What a worker holds as long as it lives was given back: it is gone, and another takes over what it was asked.
  function ended(mine) {
    if (worker !== mine) return;
    mine.terminate();
    worker = null;
    for (const [id, one] of asked) {
      one[1] += 1;
      if (one[1] >= MOST_ENDED) heard({ id, failed: "Python ended twice while it worked on this" });
    }
    if (asked.size) begin();
  }

  function heard(data) {
    // Of one screen that is refused the others follow.
    if (data.done || (data.failed !== undefined && data.name === undefined)) asked.delete(data.id);
    if (data.failed !== undefined && data.id === undefined) {
      worker?.terminate();
      worker = null;
      asked.clear();
    }
    python.onmessage(data);
  }

  // A newer answer makes older ones out of date.
  function send(message) {
    if (message.kind === "stop") {
      asked.delete(message.id);
    } else {
      if (message.kind === "answer") {
        for (const [id, [{ kind }]] of asked) if (kind === "answer") asked.delete(id);
      }
      asked.set(message.id, [message, 0]);
    }
    if (!worker) begin();
    else if (listening) worker.postMessage(message);
  }

  begin();
  return python;
}
