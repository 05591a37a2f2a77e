/** What the decoders of this folder have in common. */
import type { Message } from '../../events/head.ts';

/** No head of ours is longer; servers refuse longer ones (nginx and Apache: 8 KiB a line, Node 16 KiB in all). */
export const MAX_HEAD_BYTES = 16_384;

export interface Found<M extends Message = Message> {
  readonly message: M;
  /** Bytes that its head takes. */
  readonly length: number;
  /** Bytes of the body behind it; undefined where the head does not say, and where no message of ours can follow. */
  readonly body: number | undefined;
}

/** `incomplete`: more bytes may make it one. Undefined: none begins here. */
export type Reading<M extends Message = Message> = Found<M> | 'incomplete' | undefined;

export interface ReadOptions {
  readonly keepQuery: boolean;
  /** No more bytes will come: what is there is told as far as it goes, and nothing is `incomplete`. */
  readonly cut: boolean;
}

/** Whether the bytes are a signature, or as far as they go the beginning of one. */
export function matches(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== signature[i]) return false;
  return true;
}
