import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Refusal } from '../api.ts';

// The library's closing button has no name of its own.
const LOOK = { withBorder: true, closeButtonProps: { 'aria-label': 'Close this message' } } as const;

/** Something a person does: it says what came of it, well or badly, and what is shown is read again. */
export function useAct<Input = void, Result = unknown>(
  act: (input: Input) => Promise<Result>,
  says: { readonly done: string | ((result: Result) => string); readonly after?: (result: Result) => void },
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: (result) => {
      notifications.show({ message: typeof says.done === 'string' ? says.done : says.done(result), ...LOOK });
      says.after?.(result);
    },
    onError: (error) => {
      const faults = error instanceof Refusal ? error.faults.map((one) => `${one.path.join('.')}: ${one.message}`) : [];
      const message = [error.message, ...faults].join('\n');
      notifications.show({ title: 'This did not work', message, color: 'red', autoClose: 15_000, ...LOOK });
    },
    onSettled: () => queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' }),
  });
}
