/** Server-sent events as a browser reads them, by the letter of WHATWG HTML 9.2.6: the client of the tests. */
export interface Dispatched {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

export interface EventSourceState {
  readonly dispatched: Dispatched[]
  /** What a client that comes back says. */
  lastEventId: string
  reconnectionTimeMs: number | undefined
  comments: number
}

/** Takes the text of a stream in pieces, wherever they are cut. */
export const createParser = (lastEventId = '') => {
  const state: EventSourceState = { dispatched: [], lastEventId, reconnectionTimeMs: undefined, comments: 0 }
  let rest = ''
  let data = ''
  let type = ''
  let id = lastEventId

  const dispatch = (): void => {
    state.lastEventId = id
    if (data !== '') {
      state.dispatched.push({
        type: type === '' ? 'message' : type,
        data: data.replace(/\n$/, ''),
        lastEventId: id,
      })
    }
    data = ''
    type = ''
  }
  const field = (name: string, value: string): void => {
    if (name === 'event') type = value
    else if (name === 'data') data += `${value}\n`
    else if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'retry' && /^\d+$/.test(value)) state.reconnectionTimeMs = Number(value)
  }
  const line = (text: string): void => {
    if (text === '') return dispatch()
    const colon = text.indexOf(':')
    if (colon === 0) state.comments += 1
    else if (colon === -1) field(text, '')
    else field(text.slice(0, colon), text.slice(colon + 1).replace(/^ /, ''))
  }
  return {
    state,
    take(piece: string): void {
      rest += piece
      const lines = rest.split(/\r\n|\n|\r/)
      rest = lines.pop() ?? ''
      for (const text of lines) line(text)
    },
  }
}
