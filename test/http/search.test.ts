import { beforeEach, describe, expect, test } from 'vitest'
import { StoreError } from '../../src/store/store.ts'
import { createApi, linked, type Api } from './api.ts'

interface Found {
  readonly results: readonly { message: { id: string; text: string }; snippet: string }[]
  readonly nextCursor: string | null
  readonly complete: boolean
}

let api: Api
beforeEach(async () => {
  api = await createApi()
  await linked(api)
})

const search = async (query: string, path = '/api/search', on: Api = api): Promise<Found> => {
  const { status, json } = await on.get(`${path}?${query}`)
  expect(status).toBe(200)
  return json as Found
}
const texts = async (query: string, path?: string): Promise<string[]> =>
  (await search(query, path)).results.map(({ message }) => message.text)

describe('a search', () => {
  test('finds what has just come, in all devices or in one', async () => {
    await linked(api, 'second')
    await api.connector.receive('myphone', 'hello there')
    await api.connector.receive('second', 'Hello again')
    expect(await texts('q=hello')).toEqual(['Hello again', 'hello there'])
    expect(await texts('q=hello&device=second')).toEqual(['Hello again'])
    expect(await texts('q=hello', '/api/devices/myphone/search')).toEqual(['hello there'])
  })

  test('shows what was found in HTML, in which nothing of the message is markup', async () => {
    await api.connector.receive('myphone', `<b onclick="x">lunch</b> & 'tea'`)
    const [found] = (await search('q=lunch')).results
    expect(found?.snippet).toBe(
      '&lt;b onclick=&quot;x&quot;&gt;<mark>lunch</mark>&lt;/b&gt; &amp; &#39;tea&#39;',
    )
  })

  test('goes on page by page', async () => {
    for (const n of [1, 2, 3]) await api.connector.receive('myphone', `hello ${n}`)
    const first = await search('q=hello&limit=2')
    const second = await search(`q=hello&limit=2&cursor=${first.nextCursor}`)
    expect([...first.results, ...second.results].map(({ message }) => message.text)).toEqual([
      'hello 3',
      'hello 2',
      'hello 1',
    ])
    expect(second.nextCursor).toBe(null)
  })

  test.each([
    ['chat=%2B1 555 000-1111', 1],
    ['chat=15550002222', 0],
    ['sender=15550001111@s.whatsapp.net', 1],
    ['type=text', 1],
    ['type=image', 0],
    ['direction=outbound', 0],
    ['after=2025-11-16', 1],
    ['before=2025-11-16', 0],
    ['order=rank', 1],
  ])('with %s finds %i', async (filter, count) => {
    await api.connector.receive('myphone', 'hello')
    expect(await texts(`q=hello&${filter}`)).toHaveLength(count)
  })

  test.each([
    'q=',
    'q=%20',
    'q=-x',
    'q=x&order=age',
    'q=x&type=letter',
    'q=x&chat=me',
    'q=x&sender=me',
    'q=x&cursor=a',
  ])('with %s is refused', async (query) => {
    expect(await api.get(`/api/search?${query}`)).toMatchObject({ status: 400 })
  })

  test('says when not everything can be found yet', async () => {
    await api.connector.receive('myphone', 'hello')
    expect((await search('q=hello')).complete).toBe(true)
    const full = await createApi({
      store: (store) => ({
        ...store,
        search: { ...store.search, index: () => Promise.reject(new StoreError('full', 'full')) },
      }),
    })
    expect(await search('q=hello', '/api/search', full)).toEqual({
      results: [],
      nextCursor: null,
      complete: false,
    })
  })
})
