/** The stream Ink takes for a terminal: in its debug mode it writes each frame whole, and nothing else. */
import { Writable } from 'node:stream';
import type { FrameStore } from './frames.ts';
import type { Screen } from './screen.ts';

export class FrameStream extends Writable {
  readonly isTTY = true;
  readonly #screen: Screen;
  readonly #frames: FrameStore;

  constructor(screen: Screen, frames: FrameStore) {
    super({ decodeStrings: false });
    this.#screen = screen;
    this.#frames = frames;
  }

  /** Wide enough for a row's number: Ink walks over every cell. */
  readonly columns = 6;

  get rows(): number {
    return this.#screen.rows;
  }

  override _write(frame: string, _encoding: BufferEncoding, done: () => void): void {
    // Ink ends with an empty write to learn when all is out.
    if (frame !== '') this.#screen.paint(this.#frames.expand(frame));
    done();
  }
}
