import * as z from "zod/mini";
import type { AttemptId } from "../domain/ids.ts";

/** Ids as clients send them. What does not look like one is refused before anything is read. */
export const attemptIdText = z.string().check(z.regex(/^att_[A-Za-z0-9_-]{43}$/));
export const connectionIdText = z.string().check(z.regex(/^conn_[A-Za-z0-9_-]{22}$/));

/** The product's own ids of people and workspaces: as long as a claim that names one may be. */
export const productId = z.string().check(z.minLength(1), z.maxLength(256));

/** 256 bits in base64url. */
export const oneTimeValue = z.string().check(z.regex(/^[A-Za-z0-9_-]{43}$/));

/** Enough of an attempt's id to find it again; the whole id would look like a token in a log. */
export const attemptLabel = (id: AttemptId): string => id.slice(0, 12);
