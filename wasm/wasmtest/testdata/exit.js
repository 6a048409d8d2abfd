// Says in the console that the page is over, after everything that the browser
// had to say. It reports rejections that nobody handled in a later task, in
// order; so the end waits for the report of a rejection of its own.
"use strict";

globalThis.exited = (code) => {
  const last = new Error("the last rejection");
  addEventListener("unhandledrejection", (event) => {
    if (event.reason === last) {
      event.preventDefault();
      console.log(`wasmtest: exit code ${code}`);
    }
  });
  Promise.reject(last);
};
