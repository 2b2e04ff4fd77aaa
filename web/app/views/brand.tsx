/** The mark and the name. */
export function Brand() {
  return (
    <span class="brand">
      <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
        <path
          class="brand-far"
          d="M13.5 3h8A7.5 7.5 0 0 1 29 10.5 7.5 7.5 0 0 1 21.5 18H20v-.5A8.5 8.5 0 0 0 11.5 9H6.1A7.5 7.5 0 0 1 13.5 3z"
        />
        <path class="brand-near" d="M9 11.5h3.5a6 6 0 0 1 0 12H11L6.5 28v-4.8A6 6 0 0 1 9 11.5z" />
      </svg>
      Parley
    </span>
  );
}
