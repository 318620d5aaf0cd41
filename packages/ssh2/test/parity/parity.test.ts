import { join } from "node:path";
import { casesIn, declareCases } from "./suite.ts";

declareCases(await casesIn(join(import.meta.dirname, "cases")), () => ({}));
