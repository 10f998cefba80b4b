/* One matrix or factors: which takes less time for a Fourier transform.

   A matrix costs multiplications, which TensorE makes for a block of 128 by 128 numbers at a time, and the
   bytes of its constants. Factors need few of either. But between them each row changes its order, which
   neither a product nor a view does: it goes through HBM, by transfers that each move one row. So factors pay
   by the row what DMA takes to start a transfer, and that is what a matrix is weighed against. The figures
   are those of trn1; another chip has nearly the same balance. */
#include "compiler/rewrite/fft_numbers.h"

static const double ROW_NS = 4 / 2.8, /* an fp32 row through TensorE: four passes at its clock */
    BYTES_PER_NS = 16 * 17,           /* DMA engines times what each moves */
    TRANSFER_NS = 1200;               /* between the starts of two transfers of a queue */
enum {
    ROW_TRANSFERS = 5,   /* real and imaginary parts in another order, loaded and stored, and joined */
    SPLIT_TRANSFERS = 25 /* for the smallest number of rows: matrices, turns, intermediate results */
};

static double blocks(int64_t count) {
    return (double)((count + TS_FFT_WIDEST - 1) / TS_FFT_WIDEST);
}

bool ts_fft_is_matrix(int64_t length, int64_t rows, int products, int64_t width) {
    if (length <= TS_FFT_WIDEST) return true;
    if (length > TS_FFT_LONGEST) return false;
    if (ts_fft_factor(length) == 1) return true;
    double moved = rows < TS_FFT_WIDEST ? TS_FFT_WIDEST : (double)rows; /* loading a block takes as many */
    double matrix = products * blocks(length) * blocks(width) * moved * ROW_NS +
                    2 * (double)length * (double)width * sizeof(float) / BYTES_PER_NS;
    return matrix <= (SPLIT_TRANSFERS + ROW_TRANSFERS * (double)rows) * TRANSFER_NS;
}
