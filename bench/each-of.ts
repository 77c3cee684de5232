/** Works off a list with so many at once; answers in the list's order. The first failure is thrown. */
export async function eachOf<From, To>(
  list: readonly From[],
  atOnce: number,
  work: (one: From, at: number) => Promise<To>,
): Promise<To[]> {
  const done: To[] = [];
  const left = list.map((one, at) => ({ one, at }));
  const workOff = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      done[next.at] = await work(next.one, next.at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, workOff));
  return done;
}
