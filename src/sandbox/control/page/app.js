/** The sandbox's page: it shows what the control API says, and asks again every so often. */

const pollMs = 1500
/** Messages that are asked for at a time. */
const messagesMax = 500
const pictureSideMaxPixels = 2000

const byId = (id) => document.getElementById(id)
/** A person's number; a group keeps its JID. */
const numberOf = (jid) => (jid.endsWith('@g.us') ? jid : jid.split('@')[0])

/** @type {{ phone: string | undefined, chat: string | undefined, phones: object[], groups: object[],
 *   messages: object[] }} */
const state = { phone: undefined, chat: undefined, phones: [], groups: [], messages: [] }

const element = (tag, props = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), props)
  made.append(...children)
  return made
}

const call = async (method, path, body) => {
  const response = await fetch(path, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error ?? response.statusText)
  return answer
}

const say = (where, text, isBad = false) => {
  where.textContent = text
  where.classList.toggle('bad', isBad)
}

/** Draws a part anew only when what it shows has changed, so that focus and scrolling stay. */
const drawn = new Map()
const draw = (part, shown, make) => {
  const text = JSON.stringify(shown)
  if (drawn.get(part) === text) return
  drawn.set(part, text)
  part.replaceChildren(...make())
}

const nameOf = (chat) =>
  state.phones.find(({ number }) => number === chat)?.name ??
  state.groups.find(({ jid }) => jid === chat)?.subject ??
  chat

const drawPhones = () => {
  const { phones, phone } = state
  draw(
    byId('phones'),
    [phones.map(({ number, name, companions }) => [number, name, companions.length]), phone],
    () =>
      phones.map(({ number, name, companions }) => {
        const devices = companions.length === 0 ? '' : ` · ${companions.length} linked`
        const button = element('button', { className: 'row', type: 'button' }, name)
        button.append(element('small', {}, `${number}${devices}`))
        button.setAttribute('aria-current', String(number === phone))
        button.addEventListener('click', () => choosePhone(number))
        return element('li', {}, button)
      }),
  )
  const contacts = phones.filter(({ number }) => number !== phone).map(({ number, name }) => [number, name])
  const groups = state.groups
    .filter(({ members }) => members.some(({ number }) => number === phone))
    .map(({ jid, subject }) => [jid, subject])
  const options = [...contacts, ...groups]
  draw(byId('contacts'), options, () => options.map(([value, label]) => element('option', { value, label })))
  const device = byId('fault').elements.device
  draw(
    device,
    phones.map(({ number, companions }) => [number, companions.map(({ jid }) => jid)]),
    () => [
      element('option', { value: '' }, 'all'),
      ...phones.flatMap(({ number, companions }) => [
        element('option', { value: number }, number),
        ...companions.map(({ jid }) => element('option', { value: jid }, jid)),
      ]),
    ],
  )
}

const drawPhone = () => {
  const phone = state.phones.find(({ number }) => number === state.phone)
  byId('phone-body').hidden = phone === undefined
  byId('phone-hint').hidden = phone !== undefined
  if (phone === undefined) return
  byId('phone-title').textContent = `${phone.name} · ${phone.number}`
  const waits = phone.awaitsCode ? ' · a device waits for its code' : ''
  byId('device-count').textContent = `(${phone.companions.length})${waits}`
  const panel = byId('devices-panel')
  if (panel.dataset.phone !== phone.number) {
    panel.dataset.phone = phone.number
    panel.open = phone.companions.length === 0
  }
  byId('unlink').hidden = phone.companions.length === 0
  draw(byId('devices'), phone.companions, () =>
    phone.companions.map(({ jid, platform, connected, logins, waiting }) => {
      const facts = `${connected ? 'connected' : 'offline'} · ${logins} logins · ${waiting} waiting`
      return element('li', {}, `${platform} `, element('small', {}, `${jid} · ${facts}`))
    }),
  )
}

const drawChats = () => {
  const chats = [...new Set(state.messages.map(({ chat }) => numberOf(chat)).toReversed())]
  if (state.chat === undefined) {
    state.chat = chats[0]
    byId('send').elements.to.value = state.chat ?? ''
  }
  const unread = (chat) =>
    state.messages.filter((each) => numberOf(each.chat) === chat && each.status === 'received').length
  const shown = chats.map((chat) => [chat, nameOf(chat), unread(chat)])
  draw(byId('chats'), [shown, state.chat], () =>
    shown.map(([chat, name, count]) => {
      const button = element('button', { type: 'button' }, name)
      button.append(element('small', {}, count === 0 ? chat : `${chat} · ${count} unread`))
      button.setAttribute('aria-current', String(chat === state.chat))
      button.addEventListener('click', () => chooseChat(chat))
      return button
    }),
  )
  const messages = state.messages.filter(({ chat }) => numberOf(chat) === state.chat)
  const list = byId('messages')
  draw(list, messages, () =>
    messages.length === 0
      ? [element('li', { className: 'empty' }, 'No messages yet')]
      : messages.map(({ from, text, type, timestamp, status, deletedBy, reactions = [] }) => {
          const isOwn = numberOf(from) === state.phone
          const time = new Date(timestamp).toLocaleTimeString()
          const said = type === 'text' ? text : `${type} ${text}`
          const body = [deletedBy ? 'deleted' : said, ...reactions.map(({ emoji }) => emoji)].join(' ')
          const row = element('li', { className: isOwn ? 'own' : '' }, body)
          const author = state.chat.endsWith('@g.us') ? `${nameOf(numberOf(from))} · ` : ''
          row.append(element('small', {}, isOwn ? `${time} · ${status}` : `${author}${time}`))
          return row
        }),
  )
  const last = messages.at(-1)?.id
  if (last !== undefined && list.dataset.last !== last) {
    list.dataset.last = last
    list.scrollTop = list.scrollHeight
  }
}

const drawServer = (stats, faults) => {
  const numbers = Object.entries(stats).filter(([, value]) => typeof value === 'number')
  draw(byId('stats'), numbers, () =>
    numbers.flatMap(([name, value]) => {
      const className = value === 0 ? 'zero' : ''
      return [
        element('dt', { className }, name.replaceAll(/([A-Z])/g, ' $1').toLowerCase()),
        element('dd', { className }, String(value)),
      ]
    }),
  )
  const { kind } = byId('fault').elements
  draw(kind, faults.kinds, () => faults.kinds.map((each) => element('option', {}, each)))
  showFaultFields()
  draw(byId('faults'), faults.active, () =>
    faults.active.map((fault) => {
      const facts = Object.entries(fault).filter(([name, value]) => name !== 'kind' && value !== undefined)
      return element(
        'li',
        {},
        `${fault.kind}: ${facts.map(([name, value]) => `${name} ${value}`).join(', ')}`,
      )
    }),
  )
}

const refresh = async () => {
  try {
    const [phones, groups, stats, faults] = await Promise.all(
      ['/phones', '/groups', '/stats', '/faults'].map((path) => call('GET', path)),
    )
    Object.assign(state, { phones, groups })
    if (!phones.some(({ number }) => number === state.phone)) state.phone = phones[0]?.number
    state.messages =
      state.phone === undefined
        ? []
        : await call('GET', `/phones/${state.phone}/messages?limit=${messagesMax}`)
    say(byId('connection'), '')
    drawPhones()
    drawPhone()
    drawChats()
    drawServer(stats, faults)
  } catch (error) {
    say(byId('connection'), `not reachable: ${error.message}`, true)
  }
}

const chooseChat = (chat) => {
  state.chat = chat
  byId('send').elements.to.value = chat ?? ''
  drawChats()
}

const choosePhone = (number) => {
  state.phone = number
  state.chat = undefined
  state.messages = []
  say(byId('said'), '')
  byId('send').elements.to.value = ''
  void refresh()
}

/** Does what a person asked for, says how it went, and shows what changed. */
const act = async (where, doing, work) => {
  say(where, doing)
  try {
    say(where, await work())
  } catch (error) {
    say(where, error.message, true)
  }
  await refresh()
}

const onSubmit = (id, where, doing, work) => {
  const form = byId(id)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void act(byId(where), doing, () => work(form.elements, form))
  })
}

const phonePath = (rest) => `/phones/${state.phone}/${rest}`

onSubmit('add-phone', 'phones-said', 'Adding…', async ({ number, name }, form) => {
  const phone = await call('POST', '/phones', {
    number: number.value,
    ...(name.value.trim() === '' ? {} : { name: name.value }),
  })
  form.reset()
  state.phone = phone.number
  state.chat = undefined
  return ''
})

const scan = async (qr) => {
  const { jid } = await call('POST', phonePath('scan'), { qr })
  byId('scan').reset()
  return `Linked ${jid}.`
}

onSubmit('scan', 'said', 'Scanning…', ({ qr }) => scan(qr.value))
onSubmit('code', 'said', 'Entering…', async ({ code }, form) => {
  const { jid } = await call('POST', phonePath('enter-code'), { code: code.value })
  form.reset()
  return `Linked ${jid}.`
})
onSubmit('send', 'said', 'Sending…', async ({ to, text }) => {
  await call('POST', phonePath('messages'), { to: to.value, text: text.value })
  text.value = ''
  state.chat = to.value.endsWith('@g.us') ? to.value : to.value.replaceAll(/[^\d]/g, '')
  return ''
})

/** Any picture becomes a PNG of bearable size, the kind that the phone's camera takes. */
const pngOf = async (file) => {
  const picture = await createImageBitmap(file)
  const scale = Math.min(1, pictureSideMaxPixels / Math.max(picture.width, picture.height))
  const canvas = element('canvas', { width: picture.width * scale, height: picture.height * scale })
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height)
  return canvas.toDataURL('image/png')
}

const scanFile = (file) => {
  if (file === undefined || state.phone === undefined) return
  void act(byId('said'), 'Scanning…', async () => scan(await pngOf(file)))
}

byId('qr-file').addEventListener('change', ({ target }) => {
  scanFile(target.files[0])
  target.value = ''
})
document.addEventListener('paste', ({ clipboardData }) => scanFile(clipboardData?.files[0]))
const drop = byId('drop')
for (const [name, over] of [
  ['dragover', true],
  ['dragleave', false],
  ['drop', false],
]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault()
    drop.classList.toggle('over', over)
    if (name === 'drop') scanFile(event.dataTransfer?.files[0])
  })
}

byId('unlink').addEventListener('click', () => {
  void act(byId('said'), 'Unlinking…', async () => {
    const { unlinked } = await call('DELETE', phonePath('devices'))
    return `Unlinked ${unlinked}.`
  })
})
byId('mark-read').addEventListener('click', () => {
  if (state.chat === undefined) return
  void act(byId('said'), '', async () => {
    const { read } = await call('POST', phonePath('read'), { chat: state.chat })
    return read === 0 ? 'Nothing to read.' : `Read ${read}.`
  })
})

const withDevice = ['device']
const counted = ['device', 'count']
const fieldsOf = {
  drop: withDevice,
  freeze: withDevice,
  'stream-error': ['device', 'code'],
  replaced: withDevice,
  logout: withDevice,
  'reject-upgrade': ['status', 'count'],
  'reg-refresh': ['form'],
  passkey: [],
  'lose-acks': counted,
  duplicate: counted,
  nack: ['device', 'code', 'count'],
  delay: ['device', 'ms'],
  'silent-handshake': ['count'],
  garble: counted,
  unavailable: counted,
  restrict: ['device', 'seconds'],
  'media-expired': [],
  'media-upload': ['status', 'count'],
  'media-download': ['status', 'count'],
  'media-corrupt': ['count'],
  'media-slow': ['ms'],
  'media-auth': [],
}

function showFaultFields() {
  const fields = fieldsOf[byId('fault').elements.kind.value] ?? []
  for (const label of byId('fault').querySelectorAll('[data-for]')) {
    label.hidden = !fields.includes(label.dataset.for)
  }
}

byId('fault').elements.kind.addEventListener('change', showFaultFields)
onSubmit('fault', 'fault-said', 'Causing…', async (inputs) => {
  const kind = inputs.kind.value
  const command = { kind }
  for (const field of fieldsOf[kind] ?? []) {
    const { value, type } = inputs[field]
    if (value !== '') command[field] = type === 'number' ? Number(value) : value
  }
  const { affected } = await call('POST', '/faults', command)
  return affected === 0 ? `${kind} is set up.` : `${kind}: ${affected} affected.`
})
byId('end-faults').addEventListener('click', () => {
  void act(byId('fault-said'), 'Ending…', async () => {
    const { reset } = await call('DELETE', '/faults')
    return reset === 0 ? 'No faults now.' : `No faults now, ${reset} frozen sockets were reset.`
  })
})

const showConfig = async () => {
  const config = await call('GET', '/config')
  byId('config').textContent = Object.entries(config)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}

const poll = async () => {
  if (!document.hidden) await refresh()
  setTimeout(poll, pollMs)
}

await showConfig()
await poll()
