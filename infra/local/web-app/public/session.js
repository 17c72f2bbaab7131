/**
 * The product's own session, as its pages see it. The session is a cookie that no script can read.
 *
 * @typedef {{id: string, name: string, email: string, emailVerified?: false,
 *   workspace: {id: string, name: string}}} Person
 * @typedef {{apiUrl: string, local: {now: string, simulatorUrl?: string, mailUrl?: string}}} Config
 */

/** @returns {Promise<Person | undefined>} `undefined` when nobody is signed in */
export const signedInPerson = async () => {
  const answer = await fetch("/session");
  if (answer.status === 401) return undefined;
  if (!answer.ok) throw new Error(`/session answered ${answer.status}`);
  return answer.json();
};

/** @returns {Promise<string | undefined>} a JWT for the API, or `undefined` when nobody is signed in */
export const getAccessToken = async () => {
  const answer = await fetch("/session/token", { method: "POST" });
  if (answer.status === 401) return undefined;
  if (!answer.ok) throw new Error(`/session/token answered ${answer.status}`);
  const { token } = await answer.json();
  return token;
};

/** @param {string} personId */
export const signIn = async (personId) => {
  const answer = await postJson("/session", { personId });
  if (!answer.ok) throw new Error(`/session answered ${answer.status}`);
};

export const signOut = () => fetch("/session", { method: "DELETE" });

/** @returns {Promise<Config>} */
export const readConfig = async () => {
  const answer = await fetch("/config.json");
  if (!answer.ok) throw new Error(`/config.json answered ${answer.status}`);
  return answer.json();
};

/** @type {Promise<Config> | undefined} */
let config;

/** Where the API is. A product knows it when it is built; the demo asks until it is told. */
export const apiUrl = async () => {
  config ??= readConfig().catch((error) => {
    config = undefined;
    throw error;
  });
  return (await config).apiUrl;
};

/** @param {string} path @param {object} body */
export const postJson = (path, body) =>
  fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
