import type { Agent as HttpsAgent } from 'node:https'
// Before Baileys, which takes what this changes when it is loaded.
import { isBounded } from './bounded-inflate.ts'
import {
  Browsers,
  decodeBinaryNode,
  type BinaryNode,
  type CacheStore,
  Curve,
  makeWASocket,
  proto,
  type SocketConfig,
  WA_CERT_DETAILS,
  type WASocket,
} from '@whiskeysockets/baileys'
import { assert } from '../domain/errors.ts'
import { normalizeJid } from '../domain/jid.ts'
import type { Clock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../store/store.ts'
import { accountOf, restrictionEnd } from './account.ts'
import { readVote } from './acts.ts'
import { type AuthState, isPairedCreds, loadAuthState, parseCreds } from './auth-state.ts'
import { boundMessages } from './bounded-messages.ts'
import { carryOut } from './commands/carry-out.ts'
import { followMarks } from './commands/marks.ts'
import { prepareBody } from './content/prepare.ts'
import { createCounterCache, createDeviceListCache } from './caches.ts'
import { readClose } from './close.ts'
import { createFrameGate } from './frame-gate.ts'
import { createGroups, type Groups } from './groups.ts'
import { senderKeyId } from './signal/addresses.ts'
import {
  type Me,
  memberReceiptsOf,
  promotionOf,
  receiptOf,
  senderAddresses,
  type StanzaRecord,
  undecryptable,
} from './inbound.ts'
import { acceptLateWrites } from './late-writes.ts'
import { guardListeners, holdBack, takeTurns } from './listeners.ts'
import { probe, unlink } from './questions.ts'
import { createQrShow, handlePairingNotifications, requestPairingCode } from './pairing.ts'
import { quietLogger } from './quiet-logger.ts'
import { createMediaHttp } from './media/http.ts'
import { createTransfers } from './media/transfers.ts'
import { mediaTls } from './media-tls.ts'
import { sendMessage } from './send.ts'
import { followSightings } from './sightings/follow.ts'
import { duplicateText } from './signal/errors.ts'
import { createSignalRepository } from './signal/repository.ts'
import { isSigned } from './signatures.ts'
import type { OpenOptions, WhatsApp, WhatsAppSocket } from './socket.ts'
import { isAnswer, StanzaTracker } from './stanzas.ts'
import { createTransport } from './transport.ts'
import { type Unread, unreadPart, unreadStanza } from './unread.ts'
import { createOnline } from './online.ts'
import { createTyping } from './typing.ts'

/** Which WhatsApp-compatible server to talk to; undefined members mean the real one. */
export interface WhatsAppOptions {
  readonly url?: string
  /** 32 bytes: the root of the server's Noise certificates. */
  readonly noiseRootKey?: Uint8Array
  /** PEM: who may sign the certificates of the server and of its media hosts. */
  readonly mediaCa?: string
  readonly version?: readonly [number, number, number]
  readonly qrTimeoutMs?: number
  readonly keepAliveMs: number
}

interface Deps {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly options: WhatsAppOptions
}

const connectTimeoutMs = 20_000
const queryTimeoutMs = 30_000
/** A message that arrived must have been worked off in this time. */
const deafAfterMs = 120_000
const deafCheckMs = 5_000
const retryCountersMax = 5_000

/** False when Baileys was loaded before its inflate could be bounded: a frame of the server could end the process. */
export const isInflateBounded = (): Promise<boolean> => isBounded(decodeBinaryNode)

/** WhatsApp through Baileys. One for a process: the Noise root key is a global of Baileys'. */
export const createWhatsApp = async ({ store, clock, log, options }: Deps): Promise<WhatsApp> => {
  // Baileys' own takes 9 ms, twice a login, and throws the answer away (Utils/crypto.js): any certificate would do.
  Curve.verify = isSigned
  if (options.noiseRootKey !== undefined) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(options.noiseRootKey)
  const retryCounters = new Map<string, CacheStore>()
  const tls = await mediaTls(options.mediaCa)
  const http = createMediaHttp({ ca: options.mediaCa })

  const configOf = (
    deviceId: string,
    auth: AuthState,
    caches: { readonly devices: ReturnType<typeof createDeviceListCache>; readonly groups: Groups },
    onUnknownAction: (index: readonly string[]) => void,
  ): Partial<SocketConfig> & Pick<SocketConfig, 'auth'> => {
    let counters = retryCounters.get(deviceId)
    if (counters === undefined) {
      counters = createCounterCache(retryCountersMax)
      retryCounters.set(deviceId, counters)
    }
    return {
      ...tls,
      auth: { creds: auth.creds, keys: caches.groups.keys },
      logger: quietLogger(log.child({ device: deviceId }), onUnknownAction),
      browser: Browsers.macOS('Chrome'),
      ...(options.url === undefined ? {} : { waWebSocketUrl: options.url }),
      ...(options.version === undefined ? {} : { version: [...options.version] }),
      ...(options.qrTimeoutMs === undefined ? {} : { qrTimeout: options.qrTimeoutMs }),
      keepAliveIntervalMs: options.keepAliveMs,
      connectTimeoutMs,
      defaultQueryTimeoutMs: queryTimeoutMs,
      // One try: the store waits for a busy database itself, and what it gives up on must cut the socket.
      transactionOpts: { maxCommitRetries: 1, delayBetweenTriesMs: 1 },
      msgRetryCounterCache: counters,
      userDevicesCache: caches.devices,
      cachedGroupMetadata: (group) => caches.groups.metadata(group),
      // Online companions silence the notifications of the phone.
      markOnlineOnConnect: false,
      syncFullHistory: false,
      emitOwnEvents: false,
      async getMessage({ id }) {
        if (id === null || id === undefined) return undefined
        const content = await store.messages.content(deviceId, id)
        return content === undefined ? undefined : proto.Message.decode(content)
      },
    }
  }

  const open = async ({ deviceId, lease, mayWrite, listener }: OpenOptions): Promise<WhatsAppSocket> => {
    const tracker = new StanzaTracker()
    const { promise: gone, resolve: setGone } = Promise.withResolvers<string>()
    let dropped = false
    let sock: WASocket | undefined
    let seen: ReturnType<typeof followSightings> | undefined
    const gate = createFrameGate((error) => fail(error))

    const auth = await loadAuthState({
      store,
      deviceId,
      lease,
      now: () => clock.now(),
      onFailed: (error) => {
        drop('the credentials could not be written')
        listener.onStoreFailed(error)
      },
      onWrite: () => gate.begin(),
    })
    const { creds } = auth
    const devices = createDeviceListCache(auth.keys, () => clock.now())
    const opened = (): WASocket => {
      assert(sock !== undefined, 'there is no socket yet')
      return sock
    }
    const groups = createGroups({
      keys: auth.keys,
      now: () => clock.now(),
      learn: (pairs) => store.addresses.learn(lease, deviceId, pairs, clock.now()),
      fetch: (group) => opened().groupMetadata(group),
      alone: (work) => {
        const { keys } = opened().authState
        // The name of the lock that Baileys' own sends run under (messages-send.ts `relayMessage`).
        return keys.transaction(() => work(keys), creds.me?.id ?? '')
      },
      ownSenderKeys: (group) => {
        const { signalRepository } = opened()
        return [creds.me?.id, creds.me?.lid].flatMap((jid) =>
          jid === undefined ? [] : [senderKeyId(group, signalRepository.jidToSignalProtocolAddress(jid))],
        )
      },
    })
    const me = (): Me => ({ pn: normalizeJid(creds.me?.id) ?? '', lid: normalizeJid(creds.me?.lid) ?? null })

    const drop = (why: string): void => {
      if (dropped) return
      dropped = true
      clearInterval(deafTimer)
      auth.close(new Error(why))
      gate.close()
      if (!mayWrite()) transport.reset()
      // A polite close waits 30 s for a peer that may be gone; what is not written yet must not be written any more.
      const ws = sock?.ws as unknown as { socket: { terminate(): void } | null } | undefined
      ws?.socket?.terminate()
      setGone(why)
      sock?.end(undefined).catch(() => undefined)
    }
    const closed = (close: ReturnType<typeof readClose>): void => {
      if (dropped) return
      drop(close.message)
      listener.onClosed(close)
    }
    const fail = (error: unknown): void => {
      const message = error instanceof Error ? error.message : String(error)
      log.warn({ device: deviceId, error: message }, 'a handler of the socket failed')
      closed({ origin: 'client', code: null, message })
    }
    const saveCreds = (): void => {
      try {
        auth.saveCreds()
      } catch (error) {
        log.error({ device: deviceId, err: error }, 'credentials were not saved')
      }
    }
    const transport = createTransport({
      secure: options.url === undefined || new URL(options.url).protocol === 'wss:',
      ...(options.mediaCa === undefined ? {} : { ca: options.mediaCa }),
      mayWrite,
      onRefused: () => {
        if (dropped) return
        drop('the lease was lost')
        listener.onLeaseLost()
      },
    })
    const deafTimer = setInterval(() => {
      if (tracker.oldestWait(clock.monotonic()) > deafAfterMs) listener.onDeaf()
    }, deafCheckMs)

    const report = (record: StanzaRecord, key: string, unread: Unread): Promise<void> =>
      listener.onUndecryptable(key, undecryptable(record, deviceId, newId('msg', clock.now()), unread))

    sock = makeWASocket({
      ...configOf(deviceId, auth, { devices, groups }, (index) => seen?.onUnknownAction(index)),
      // Typed for https alone; the WebSocket library takes the one that its URL needs.
      agent: transport.agent as HttpsAgent,
      makeSignalRepository: createSignalRepository({
        store: auth.signal,
        lock: auth.lock,
        own: () => creds,
        stanzaOf: (ciphertext) => tracker.partOf(ciphertext),
        onJournaled: (part) => {
          tracker.done(part, clock.monotonic())
          listener.onJournaled()
        },
        onUndecryptable: async (part, error) => {
          tracker.refused(part, clock.monotonic())
          if (dropped || error.message === duplicateText) return
          try {
            const record = JSON.parse(part.stanza) as StanzaRecord
            await report(record, part.stanzaKey, unreadPart(record.attrs, error.message, clock.now()))
          } catch (failure) {
            // Uncut, the socket would answer for a message of which nothing is kept.
            fail(failure)
            throw failure
          }
        },
      }),
    })
    const { ws, ev } = sock
    const qrs = createQrShow(
      () => creds.advSecretKey,
      options.qrTimeoutMs,
      () => clock.monotonic(),
      (text, ttlMs) => listener.onQr(text, ttlMs),
    )

    acceptLateWrites(sock.authState.keys)
    guardListeners(sock, fail)
    boundMessages(ws)
    gate.guard(ws)
    holdBack(
      sock,
      'CB:receipt',
      (node) => {
        if (dropped) return undefined
        const receipt = receiptOf(node, me(), clock.now())
        if (receipt !== undefined) return listener.onReceipt(receipt)
        const receipts = memberReceiptsOf(node, me(), clock.now())
        if (receipts === undefined) return undefined
        return groups.others(receipts.group).then((count) => listener.onMemberReceipts(receipts, count))
      },
      fail,
    )
    const takeMessage = (node: BinaryNode): Promise<void> | undefined => {
      const { record, encrypted } = tracker.see(node, me(), clock.monotonic())
      const unread = encrypted ? undefined : unreadStanza(node, clock.now())
      return unread === undefined ? undefined : report(record, JSON.stringify(node.attrs), unread)
    }
    takeTurns(sock, 'CB:message', ({ attrs }) => senderAddresses(attrs, me()))
    holdBack(
      sock,
      'CB:message',
      (node) => {
        const caughtUp = node.attrs['offline'] === undefined ? tracker.caughtUp() : undefined
        return caughtUp === undefined ? takeMessage(node) : caughtUp.then(() => takeMessage(node))
      },
      fail,
    )
    holdBack(sock, 'CB:notification', (node) => groups.onNotification(node), fail)
    holdBack(
      sock,
      'CB:ib,,dirty',
      ({ content }) => {
        const [dirty] = Array.isArray(content) ? content : []
        return dirty?.attrs['type'] === 'groups' ? groups.forgetAll() : undefined
      },
      fail,
    )
    handlePairingNotifications(sock, {
      saveCreds: () => auth.saveCreds(),
      showQrAgain: () => qrs.again(),
      onPasskeyRequired: () => listener.onPasskeyRequired(),
      onError: fail,
    })
    ws.on('frame', (frame: BinaryNode | Uint8Array) => {
      if (!(frame instanceof Uint8Array) && isAnswer(frame)) listener.onAnswer()
    })
    // Baileys listens to it and does nothing, which switches off the WebSocket library's own abort.
    ws.on('unexpected-response', (_request: unknown, response: { statusCode?: number }) =>
      closed({
        origin: 'transport',
        code: response.statusCode ?? null,
        message: `HTTP ${response.statusCode ?? '?'} instead of a WebSocket`,
      }),
    )
    ev.on('creds.update', saveCreds)
    followMarks(ev, (marked) => {
      if (!dropped) listener.onMarked(marked)
    })
    seen = followSightings({
      ws,
      ev,
      keys: auth.keys,
      me,
      hasState: () => (creds.accountSyncCounter ?? 0) > 0,
      tell: (sightings) => {
        if (!dropped) listener.onSightings(sightings)
      },
      onLeftOut: (changes) =>
        log.info({ device: deviceId, changes }, 'state read anew, its changes are not told one by one'),
      onError: (error) => {
        if (!dropped) log.error({ device: deviceId, err: error }, 'something seen could not be told')
      },
    })
    ev.on('connection.update', (update) => {
      if (dropped) return
      if (update.qr !== undefined) qrs.fromBaileys(update.qr)
      if (update.isNewLogin === true) listener.onPaired(accountOf(creds.me))
      if (update.reachoutTimeLock !== undefined)
        listener.onRestricted(restrictionEnd(update.reachoutTimeLock, clock.now()))
      if (update.connection === 'open') listener.onOpened(accountOf(creds.me))
      if (update.connection === 'close') closed(readClose(update.lastDisconnect?.error))
    })

    const live = sock
    const online = createOnline(live)
    const noteNumber = (number: string, jid: string | null): Promise<void> =>
      store.numbers.note(lease, number, { jid, checkedAt: clock.now() })
    return {
      ...createTransfers({ http, sock: live, gone, clock }),
      prepare: (message) => prepareBody({ me: me(), groups, now: () => clock.now() }, message),
      send: (message) =>
        sendMessage(
          {
            sock: live,
            gone,
            now: () => clock.now(),
            forgetDevices: async (user) => {
              await devices.del(user)
            },
            groups,
            numbers: {
              ...store.numbers,
              note: noteNumber,
            },
          },
          message,
        ),
      carryOut: (command) =>
        carryOut({ sock: live, me: me(), gone, now: () => clock.now(), groups, online, noteNumber }, command),
      typing: createTyping(live, online, gone),
      probe: (timeoutMs) => probe(live, timeoutMs),
      requestPairingCode: (phone) => requestPairingCode(live, phone),
      unlink: (timeoutMs) => unlink(live, creds.me?.id, timeoutMs),
      drop: () => drop('the connection was dropped'),
    }
  }

  return {
    open,
    async isPaired(deviceId) {
      const stored = await store.auth.creds(deviceId)
      return stored !== undefined && isPairedCreds(parseCreds(stored))
    },
    promote: (stanza, plaintexts, deviceId, now) =>
      promotionOf(JSON.parse(stanza) as StanzaRecord, plaintexts, deviceId, newId('msg', now)),
    readVote,
  }
}
