import { describe, expect, test } from 'vitest'
import { parseSearch, searchCharsMax, searchPrefixCharsMin, searchTermsMax } from '../../src/domain/search.ts'

const word = (text: string) => ({ text, prefix: false })
const prefix = (text: string) => ({ text, prefix: true })

describe('a query', () => {
  test.each([
    ['hello world', [word('hello'), word('world')], []],
    ['"hello world"', [word('hello world')], []],
    ['"hello wor"*', [prefix('hello wor')], []],
    ['"never closed', [word('never closed')], []],
    ['lunch -cancelled -"next week"', [word('lunch')], [word('cancelled'), word('next week')]],
    ['can*', [prefix('can*')], []],
    ['c*', [word('c*')], []],
    ['- * "" ! -- word', [word('word')], []],
    ['AND OR NOT NEAR(a b)', ['AND', 'OR', 'NOT', 'NEAR(a', 'b)'].map(word), []],
    ['{text} : x ^y a+b', ['{text}', 'x', '^y', 'a+b'].map(word), []],
    ['日本* übermorgen', [prefix('日本*'), word('übermorgen')], []],
    ['nul\0and half\ud800', ['nul', 'and', 'half\ufffd'].map(word), []],
  ])('%s is read', (query, all, none) => {
    expect(parseSearch(query)).toEqual({ all, none })
  })

  test.each([
    ['', 'no word'],
    ['  "" - * ?!', 'no word'],
    ['-only -not', 'must not be there'],
    ['x'.repeat(searchCharsMax + 1), `${searchCharsMax} characters`],
    [Array.from({ length: searchTermsMax + 1 }, () => 'x').join(' '), `${searchTermsMax} words`],
  ])('%s is refused', (query, why) => {
    expect(() => parseSearch(query)).toThrow(expect.objectContaining({ code: 'invalid_query' }))
    expect(() => parseSearch(query)).toThrow(why)
  })

  test('takes a beginning of enough letters for one, and a shorter one for a word', () => {
    const enough = 'é'.repeat(searchPrefixCharsMin)
    expect(
      parseSearch(`${enough}* ${enough.slice(1)}* "${enough} a"*`).all.map((term) => term.prefix),
    ).toEqual([true, false, false])
  })

  test('has room for what is allowed', () => {
    expect(parseSearch('x'.repeat(searchCharsMax)).all).toHaveLength(1)
    expect(parseSearch(Array.from({ length: searchTermsMax }, () => 'x').join(' ')).all).toHaveLength(
      searchTermsMax,
    )
  })
})
