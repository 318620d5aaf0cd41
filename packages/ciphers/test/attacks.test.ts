import * as ciphers from "../src/index.ts";
import { attackCases } from "./attack-cases.ts";

attackCases(ciphers);
