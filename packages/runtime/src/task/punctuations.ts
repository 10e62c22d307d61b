import type { Punctuator } from '@riacho/streams/engine'

interface Punctuation {
  readonly clock: 'stream' | 'wall'
  readonly interval: number
  readonly call: Punctuator
  due: number
  cancelled: boolean
}

/**
 * The punctuators of a task (Kafka Streams: `PunctuationQueue`, `PunctuationSchedule`). Stream time fires first at the first known stream time, wall clock one interval
 * after scheduling; missed periods collapse to one call, the next is aligned to the first.
 */
export class Punctuations {
  readonly #all: Punctuation[] = []

  add(interval: number, clock: 'stream' | 'wall', call: Punctuator, now: number, anchor?: number): () => void {
    const punctuation: Punctuation = { clock, interval, call, due: anchor ?? (clock === 'stream' ? 0 : now + interval), cancelled: false }
    if (anchor !== undefined && clock === 'wall' && anchor < now) punctuation.due = anchor + Math.ceil((now - anchor) / interval) * interval
    this.#all.push(punctuation)
    return () => {
      punctuation.cancelled = true
      const at = this.#all.indexOf(punctuation)
      if (at >= 0) this.#all.splice(at, 1)
    }
  }

  /** Calls what is due. Returns whether anything was called. */
  run(clock: 'stream' | 'wall', time: number): boolean {
    if (time < 0) return false
    const due = this.#all.filter(each => each.clock === clock && each.due <= time).sort((a, b) => a.due - b.due)
    for (const each of due) {
      if (each.cancelled) continue
      const missed = Math.floor((time - each.due) / each.interval)
      each.due += (missed + 1) * each.interval
      each.call(time)
    }
    return due.length > 0
  }
}
