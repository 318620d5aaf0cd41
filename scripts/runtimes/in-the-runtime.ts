// Setup file: runs in the worker process before each test file.
import { runningIn } from "./running-in.ts";

const wanted = process.env["NACRE_RUNTIME"];
const { name } = runningIn();
if (name !== wanted) throw new Error(`tests run in ${name}; expected ${wanted}`);
