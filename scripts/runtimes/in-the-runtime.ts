// Runs before each test file, in the worker process.
import { runningIn } from "./running-in.ts";

const wanted = process.env["NACRE_RUNTIME"];
const { name } = runningIn();
if (name !== wanted) throw new Error(`tests run in ${name}; expected ${wanted}`);
