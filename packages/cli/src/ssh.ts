#!/usr/bin/env node
// `nacre-ssh`: the same program, which knows its name.
import "./main.ts";
