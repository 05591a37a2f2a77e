/** The full-screen program, from taking the terminal to giving it back. */
import { render } from 'ink';
import { createElement } from 'react';
import { App } from './app.tsx';
import { Controller } from './controller.ts';
import { FrameStream } from './frame-stream.ts';
import { FrameStore } from './frames.ts';
import { needsAscii } from './glyphs.ts';
import type { ViewModel } from './model.ts';
import { createPainter } from './paint.ts';
import { picture } from './picture.ts';
import { Ending } from './ending.ts';
import { JobControl } from './job-control.ts';
import { Screen } from './screen.ts';
import type { Recorder, ViewSource } from './source.ts';

export interface ShowOptions {
  readonly model: ViewModel;
  readonly source: ViewSource;
  /** Absent where there is nothing to record. */
  readonly record?: Recorder;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** Ends the view from outside, as when what it shows has ended for good. */
  readonly signal?: AbortSignal;
  readonly color: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

const REFRESH_MS = 100;

/**
 * Resolves once the terminal is given back: with the signal that ended it, for the caller to clean up and
 * exit by, or with nothing when the user quit. Rejects with an error of our own.
 */
export async function showLive(options: ShowOptions): Promise<NodeJS.Signals | undefined> {
  const { model, source, record, stdin, stdout } = options;
  const screen = new Screen(stdout);
  const frames = new FrameStore();
  const painter = createPainter({ color: options.color, ascii: needsAscii(options.env ?? process.env) });
  const ending = new Ending(options);
  const terminal = new JobControl(screen, stdin);
  const controller = new Controller({
    model,
    source,
    ...(record === undefined ? {} : { recorder: record }),
    quit: () => ending.end(undefined),
    suspend: () => terminal.suspend(),
  });

  const refresh = (): void => {
    const size = { columns: screen.columns, rows: screen.rows };
    frames.set(picture(controller, size, performance.now()).map((line) => painter.line(line)));
  };
  const resized = (): void => {
    screen.forget();
    refresh();
    // Where the new frame equals the old one, React has nothing to hand over.
    setImmediate(() => screen.repaint());
  };
  const press = (key: string): void => {
    controller.press(key);
    refresh();
  };

  screen.enter();
  refresh();
  const timer = setInterval(refresh, REFRESH_MS);
  stdout.on('resize', resized);
  const ink = render(createElement(App, { frames, press }), {
    stdin,
    // Debug mode is Ink's way of handing out whole frames; the screen does the rest.
    stdout: new FrameStream(screen, frames) as unknown as NodeJS.WriteStream,
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  try {
    return await Promise.race([ending.done, ink.waitUntilExit().then(() => undefined)]);
  } finally {
    clearInterval(timer);
    stdout.off('resize', resized);
    ending.dispose();
    terminal.dispose();
    ink.unmount();
    screen.leave();
  }
}
