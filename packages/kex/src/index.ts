export type { KexClient, KexClientStep, KexMethod, KexSecret, KexServer, KexServerStep } from "./method.ts";
