/** @import { Actor, Connection } from "./connect-outlook.js" */

/** @type {Readonly<Record<Actor, string>>} */
export const whoMustAct = {
  user: "You can do this yourself.",
  tenant_admin: "An administrator of your organisation must act; you cannot do it yourself.",
  operator: "This is ours to fix, and we are working on it.",
  nobody: "Nobody has to repair anything: it usually passes by itself.",
};

/** @type {Readonly<Record<Connection["status"], {words: string, tone: "good" | "warn"}>>} */
export const statusWords = {
  connected: { words: "Connected", tone: "good" },
  reauthorization_required: { words: "Sign-in needed", tone: "warn" },
  admin_approval_required: { words: "Waiting for approval", tone: "warn" },
};

/** @type {Readonly<Record<string, string>>} */
const permissionWords = {
  "mail.readwrite": "read, write and delete mail",
  "mail.read": "read mail",
  "mail.send": "send mail as you",
  "user.read": "see your name and address",
};

/** Signing in and staying connected; they give nothing that a person would ask about. */
const unspoken = new Set(["openid", "profile", "email", "offline_access"]);

/** @param {readonly string[]} scopes @returns {string} a sentence without its subject */
export const permissionsInWords = (scopes) => {
  const names = scopes.map((scope) => scope.toLowerCase().replace(/^https:\/\/.*\//, ""));
  const spoken = new Set(names.filter((name) => !unspoken.has(name)));
  const known = Object.keys(permissionWords).filter((name) => spoken.delete(name));
  const words = [...known.map((name) => permissionWords[name] ?? name), ...spoken];
  return new Intl.ListFormat("en").format(words);
};

const dateAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const timeOnly = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

/** @param {string} instant ISO 8601 */
export const inWords = (instant) => {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? "" : dateAndTime.format(date);
};

/** @param {string} instant ISO 8601 */
export const timeInWords = (instant) => timeOnly.format(new Date(instant));

/** @param {"second" | "minute"} unit */
const inUnits = (unit) => new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "long" });
const inSeconds = inUnits("second");
const inMinutes = inUnits("minute");

/** @param {number} seconds */
export const durationInWords = (seconds) =>
  seconds < 90 ? inSeconds.format(Math.ceil(seconds)) : inMinutes.format(Math.ceil(seconds / 60));
