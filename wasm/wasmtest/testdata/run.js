// Runs the test binary that the address names, and says how it ended. A trap of
// the binary is an uncaught exception, which the runner sees.
"use strict";

const go = new Go();
go.argv = ["test.wasm", "-test.v", "-test.timeout=90s"];
go.exit = exited;

const binary = new URL(location.href).searchParams.get("binary");
WebAssembly.instantiateStreaming(fetch(`/binary/${binary}`), go.importObject).then(
  ({ instance }) => go.run(instance),
  (error) => {
    console.error(`cannot start ${binary}: ${error}`);
    exited(1);
  },
);
