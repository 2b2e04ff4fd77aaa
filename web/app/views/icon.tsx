const paths = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  compose: "M12 5v14M5 12h14",
  down: "M12 5v14M6 13l6 6 6-6",
  leave: "M14 4H6v16h8M10 12h11M17 8l4 4-4 4",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  people:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.3M18 14.5c2 .8 3.200 2.600 3.5 5.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L21 21",
  send: "M5 12L4 4l17 8-17 8 1-8zm0 0h7",
  tick: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 7v6M12 16.5v.5M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
} as const;

/** Decoration: the control around it carries the name. */
export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
