<?php

return [

    'customer_portal' => env('FEATURE_CUSTOMER_PORTAL', false),

    'customer_portal_test_companies' => array_map(
        'intval',
        array_values(array_filter(explode(',', (string) env('FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES', '')), 'strlen'))
    ),

    'bulk_export' => env('FEATURE_BULK_EXPORT', false),

];
