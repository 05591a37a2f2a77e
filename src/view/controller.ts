/** What the keys do: the state of the program between two pictures. Knows nothing of the terminal. */
import { UserError } from '../events/errors.ts';
import { parseFilter } from '../trace/filter/filter.ts';
import { actionOf, type Action } from './keys.ts';
import { layoutOf, type Size } from './layout.ts';
import { RequestList } from './list.ts';
import type { ViewModel } from './model.ts';
import type { Tone } from './paint.ts';
import { edit, promptWith, type Prompt } from './prompt.ts';
import { nextSortKey } from './sortings.ts';
import type { Recorder, ViewSource } from './source.ts';
import { countTroubles } from './troubles.ts';

export interface ControllerOptions {
  readonly model: ViewModel;
  readonly source: ViewSource;
  readonly recorder?: Recorder;
  readonly quit: () => void;
  readonly suspend: () => void;
}

export type Asking = 'filter' | 'record';

export class Controller {
  readonly list: RequestList;
  readonly #options: ControllerOptions;
  detailOpen = false;
  /** Which of the two the moving keys move, where both are on screen. */
  focus: 'list' | 'detail' = 'list';
  /** First line of the detail, or of the help, in sight; the drawing keeps it in bounds. */
  scroll = 0;
  helpOpen = false;
  /** What fails, counted, in the place of the list. */
  troublesOpen = false;
  asking: { what: Asking; prompt: Prompt; error: string } | undefined;
  filterText = '';
  notice: { text: string; tone: Tone; at: number } | undefined;
  size: Size = { columns: 80, rows: 24 };
  #recording = false;
  #troubleKey: string | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.list = new RequestList(options.model);
  }

  get source(): ViewSource {
    return this.#options.source;
  }

  get canRecord(): boolean {
    return this.#options.recorder !== undefined;
  }

  get letGo(): number {
    return this.#options.model.letGo;
  }

  /** How many failed, and how many of these only found what a port scan looks for. */
  get failed(): { failed: number; scanned: number } {
    return countTroubles([...this.#options.model.troubled]);
  }

  /** Index of the chosen kind of trouble; it stays chosen while others pass it. */
  get chosenTrouble(): number {
    const { groups } = this.list.troubles;
    return Math.max(
      0,
      groups.findIndex(({ key }) => key === this.#troubleKey),
    );
  }

  press(key: string): void {
    if (key === 'ctrl-c') return this.#options.quit();
    if (this.asking !== undefined) return this.#type(this.asking.what, key);
    const action = actionOf(key);
    if (action === undefined) return;
    if (this.helpOpen) return this.#inHelp(action);
    if (this.troublesOpen && this.#inTroubles(action)) return;
    this.#act(action);
  }

  /** Shown at the foot of the screen for a few seconds. */
  say(text: string, tone: Tone = 'good'): void {
    this.notice = { text, tone, at: performance.now() };
  }

  #inHelp(action: Action): void {
    if (action === 'close' || action === 'help' || action === 'quit') {
      this.helpOpen = false;
      this.scroll = 0;
    } else if (action === 'suspend') this.#options.suspend();
    else this.#scrollBy(action);
  }

  /** @returns whether the key means something there; the others do what they do in the list */
  #inTroubles(action: Action): boolean {
    const { groups } = this.list.troubles;
    const at = this.chosenTrouble;
    const choose = (index: number): boolean => {
      this.#troubleKey = groups[Math.max(0, Math.min(index, groups.length - 1))]?.key;
      return true;
    };
    switch (action) {
      case 'down':
        return choose(at + 1);
      case 'up':
        return choose(at - 1);
      case 'page-down':
      case 'end':
        return choose(groups.length - 1);
      case 'page-up':
      case 'start':
        return choose(0);
      case 'open': {
        const chosen = groups[at];
        if (chosen !== undefined) this.list.pick({ key: chosen.key, words: `${chosen.whom} ${chosen.what}` });
        this.troublesOpen = false;
        return true;
      }
      case 'close':
      case 'troubles':
        this.troublesOpen = false;
        return true;
      default:
        return false;
    }
  }

  #act(action: Action): void {
    const inDetail = this.detailOpen && this.focus === 'detail';
    switch (action) {
      case 'down':
      case 'up':
      case 'page-down':
      case 'page-up':
      case 'start':
      case 'end':
        return inDetail ? this.#scrollBy(action) : this.#move(action);
      case 'open':
        return this.#open();
      case 'close':
        return this.#close();
      case 'next':
        return this.#step(1);
      case 'previous':
        return this.#step(-1);
      case 'switch':
        return this.#switch();
      case 'filter':
        this.asking = { what: 'filter', prompt: promptWith(this.filterText), error: '' };
        return;
      case 'failures':
        return this.list.toggleFailuresOnly();
      case 'troubles':
        this.detailOpen = false;
        this.focus = 'list';
        this.list.pick(undefined);
        this.troublesOpen = true;
        return;
      case 'pause':
        return this.list.togglePause();
      case 'follow':
        return this.list.setFollow(!this.list.follow);
      case 'sort':
        return this.list.setSort(nextSortKey(this.list.sort.key), false);
      case 'reverse':
        return this.list.setSort(this.list.sort.key, !this.list.sort.reverse);
      case 'record':
        return this.#record();
      case 'help':
        this.helpOpen = true;
        this.scroll = 0;
        return;
      case 'suspend':
        return this.#options.suspend();
      case 'quit':
        return this.#options.quit();
    }
  }

  #move(action: Action): void {
    if (action === 'down') this.list.move(1);
    else if (action === 'up') this.list.move(-1);
    else if (action === 'page-down') this.list.movePages(1);
    else if (action === 'page-up') this.list.movePages(-1);
    else if (action === 'start') this.list.toStart();
    else this.list.toEnd();
    this.scroll = 0;
  }

  #scrollBy(action: Action): void {
    const page = Math.max(1, layoutOf(this.size, this.detailOpen).detail.height - 6);
    if (action === 'down') this.scroll += 1;
    else if (action === 'up') this.scroll -= 1;
    else if (action === 'page-down') this.scroll += page;
    else if (action === 'page-up') this.scroll -= page;
    else if (action === 'start') this.scroll = 0;
    else if (action === 'end') this.scroll = Number.MAX_SAFE_INTEGER;
    this.scroll = Math.max(0, this.scroll);
  }

  #open(): void {
    // The request under study stays, whatever comes.
    this.list.setFollow(false);
    this.detailOpen = true;
    this.focus = 'detail';
    this.scroll = 0;
  }

  #close(): void {
    if (this.detailOpen) {
      this.detailOpen = false;
      this.focus = 'list';
      return;
    }
    if (this.list.picked !== undefined) {
      // Back to where it was picked.
      this.list.pick(undefined);
      this.troublesOpen = true;
    } else if (this.filterText !== '') this.#keepFilter('');
    else if (this.list.failuresOnly) this.list.toggleFailuresOnly();
  }

  #step(by: number): void {
    if (!this.detailOpen) return;
    this.list.move(by);
    this.scroll = 0;
  }

  #switch(): void {
    if (!this.detailOpen || layoutOf(this.size, true).arrangement === 'alone') return;
    this.focus = this.focus === 'list' ? 'detail' : 'list';
  }

  #type(what: Asking, key: string): void {
    if (this.asking === undefined) return;
    if (key === 'escape') {
      if (what === 'filter') this.#tryFilter(this.filterText);
      this.asking = undefined;
      return;
    }
    const { prompt } = this.asking;
    if (key === 'enter') {
      if (what === 'filter') this.#keepFilter(prompt.text);
      else this.#startRecording(prompt.text.trim());
      return;
    }
    const next = edit(prompt, key);
    const error =
      what === 'filter' && next.text !== prompt.text ? this.#tryFilter(next.text) : this.asking.error;
    this.asking = { what, prompt: next, error };
  }

  /** While it is typed the list shows the last text that can be read as a filter. */
  #tryFilter(text: string): string {
    try {
      const filter = parseFilter(text);
      this.list.setFilter(filter.text === '' ? undefined : filter);
      return '';
    } catch (error) {
      if (error instanceof UserError) return `${error.message}: ${error.mend}`;
      throw error;
    }
  }

  #keepFilter(text: string): void {
    const error = this.#tryFilter(text);
    if (error !== '') this.asking = { what: 'filter', prompt: promptWith(text), error };
    else {
      this.filterText = text.trim();
      this.asking = undefined;
    }
  }

  #record(): void {
    const { recorder, source } = this.#options;
    if (recorder === undefined) return this.say('a replay cannot be recorded again', 'warn');
    if (source.status().recording === undefined && !this.#recording) {
      this.asking = { what: 'record', prompt: promptWith(recorder.defaultPath()), error: '' };
      return;
    }
    this.#recording = false;
    recorder.stop().then(
      (done) => this.say(done),
      (error: unknown) => this.say(`recording: ${messageOf(error)}`, 'bad'),
    );
  }

  #startRecording(path: string): void {
    this.asking = undefined;
    const { recorder } = this.#options;
    if (recorder === undefined || path === '') return;
    this.#recording = true;
    recorder.start(path).then(
      () => this.say(`recording to ${path}; r stops it`),
      (error: unknown) => {
        this.#recording = false;
        // It names the file.
        this.say(messageOf(error), 'bad');
      },
    );
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
