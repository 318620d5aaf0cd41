import { twinCases } from "@nacre/testing/ciphers/twin-cases";
import * as ciphers from "../src/index.ts";

twinCases(ciphers);
