// Before each test file, in the process that runs it.
import { runningIn } from "./running-in.ts";

const wanted = process.env["NACRE_RUNTIME"];
const { name } = runningIn();
if (name !== wanted) throw new Error(`these tests run in ${name}, and should in ${wanted}`);
